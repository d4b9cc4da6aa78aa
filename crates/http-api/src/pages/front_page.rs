//! `GET /`: what this address is, for people who open it in a browser.

use crate::readiness::{Readiness, ReadinessCheck};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use actix_web::http::header::{X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use actix_web::{HttpResponse, get, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

const PAGE: &str = include_str!("front_page.html");
const STYLE: &str = include_str!("front_page.css");

/// The parts of the page that do not change while the service runs.
pub(crate) struct FrontPage {
    page: String,
    policy: String,
}

impl FrontPage {
    /// The page of a service with this title.
    pub(crate) fn new(title: &str) -> Self {
        let page = PAGE.replace("{style}", STYLE).replace("{version}", env!("CARGO_PKG_VERSION"));
        let style = STANDARD.encode(digest(&SHA256, STYLE.as_bytes()));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        Self { page: page.replace("{title}", &escape(title)), policy }
    }

    fn show(&self, readiness: &Readiness) -> String {
        let (state, summary) = match readiness {
            Readiness { ready: false, .. } => ("unavailable", "The service cannot take work at present."),
            Readiness { restrictions, .. } if restrictions.is_empty() => ("ready", "The service is ready."),
            _ => ("degraded", "The service is ready, with restrictions."),
        };
        let items = readiness.restrictions.iter().map(|one| format!("<li>{}</li>\n", escape(&one.detail)));
        let items: String = items.collect();
        let details = if items.is_empty() { String::new() } else { format!("<ul>\n{items}</ul>") };
        self.page.replace("{state}", state).replace("{summary}", summary).replace("{details}", &details)
    }
}

/// Text as HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Front page
///
/// A page for people: what this service is, its state, and where its documentation is.
#[utoipa::path(
    tag = "operating",
    responses((status = 200, description = "The page", content_type = "text/html", body = String))
)]
#[get("/")]
pub(crate) async fn front(page: web::Data<FrontPage>, readiness: web::Data<ReadinessCheck>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_SECURITY_POLICY, page.policy.as_str()))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((X_FRAME_OPTIONS, "DENY"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .body(page.show(&readiness.current().await))
}

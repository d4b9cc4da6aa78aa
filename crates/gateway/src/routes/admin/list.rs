//! `GET /api/admin/agents`: all tenants.

use super::view::TenantView;
use crate::routes::page;
use access::TenantId;
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpRequest, HttpResponse, get, web};
use http_api::{Authenticated, Authenticator, CanAdmin, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The query of the list.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    after: Option<TenantId>,
    limit: Option<usize>,
}

/// A page of tenants, oldest first.
#[derive(Serialize, ToSchema)]
struct Tenants {
    /// The tenants of the page.
    agents: Vec<TenantView>,
    /// The `after` of the next page; `null` on the last one.
    next: Option<String>,
}

/// List all agents and users
#[utoipa::path(
    tag = "admin",
    params(
        ("after" = Option<String>, Query, description = "`next` of the page before", pattern = "^(agt|usr)_[0-9A-Za-z]{20}$"),
        ("limit" = Option<u32>, Query, description = "The most tenants of the page; 100 if absent", minimum = 1, maximum = 100),
    ),
    responses((status = 200, description = "A page of tenants", body = Tenants))
)]
#[get("/agents")]
async fn list(
    _: Authenticated<CanAdmin>,
    request: HttpRequest,
    authenticator: web::Data<Authenticator>,
) -> Result<HttpResponse, Problem> {
    let Page { after, limit } = page::query(&request)?;
    let limit = page::limit(limit, 100)?;
    let tenants = authenticator.registry().list(after.as_ref(), limit as u32).await?;
    let is_full = tenants.len() == limit;
    let next = tenants.last().filter(|_| is_full).map(|last| last.id.to_string());
    let agents = tenants.iter().map(TenantView::from).collect();
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(Tenants { agents, next }))
}

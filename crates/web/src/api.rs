//! The OpenAPI document, and what happens at addresses that are not in it.

use crate::{Problem, ProblemBody, codes};
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa::{PartialSchema, ToSchema};

/// Begins the document of a service.
pub fn describe(title: &str, description: &str) -> OpenApi {
    let info =
        InfoBuilder::new().title(title).description(Some(description)).version(env!("CARGO_PKG_VERSION")).license(
            Some(utoipa::openapi::LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build()),
        );
    let bearer =
        SecurityScheme::Http(Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("orf_live_…").build());
    let components =
        ComponentsBuilder::new().security_scheme("api_key", bearer).schema(ProblemBody::name(), ProblemBody::schema());
    OpenApiBuilder::new().info(info.build()).components(Some(components.build())).build()
}

/// The finished document of a service: all routes that are registered, and no others.
#[derive(Debug)]
pub struct ApiDocument {
    json: String,
    routes: Vec<(String, Vec<&'static str>)>,
}

impl ApiDocument {
    /// Finishes a document.
    pub fn new(document: OpenApi) -> Self {
        let json = document.to_pretty_json().expect("an OpenAPI document can be written as JSON. This is a bug.");
        let methods = |item: &utoipa::openapi::PathItem| {
            let all = [
                ("GET", item.get.is_some()),
                ("HEAD", item.head.is_some()),
                ("POST", item.post.is_some()),
                ("PUT", item.put.is_some()),
                ("PATCH", item.patch.is_some()),
                ("DELETE", item.delete.is_some()),
            ];
            all.into_iter().filter(|(_, there)| *there).map(|(method, _)| method).collect()
        };
        let routes = document.paths.paths.iter().map(|(path, item)| (path.clone(), methods(item))).collect();
        Self { json, routes }
    }

    /// The document as JSON.
    pub fn json(&self) -> &str {
        &self.json
    }

    /// The methods that `path` takes; none if there is nothing at that address.
    pub fn methods(&self, path: &str) -> &[&'static str] {
        let fits = |pattern: &str| {
            let (mut wanted, mut given) = (pattern.split('/'), path.split('/'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => return true,
                    (Some(w), Some(g)) if w == g || (w.starts_with('{') && !g.is_empty()) => {}
                    _ => return false,
                }
            }
        };
        self.routes.iter().find(|(pattern, _)| fits(pattern)).map(|(_, methods)| methods.as_slice()).unwrap_or_default()
    }
}

/// Answers every request that no route takes.
pub(crate) async fn elsewhere(request: HttpRequest, api: web::Data<ApiDocument>) -> Result<HttpResponse, Problem> {
    let methods = api.methods(request.path());
    if methods.is_empty() {
        return Err(Problem::new(&codes::ROUTE_NOT_FOUND, "No route of this service has this path."));
    }
    let allow = methods.join(", ");
    let detail = format!("This address takes {allow}.");
    let header = HeaderValue::from_str(&allow).expect("methods are plain text. This is a bug.");
    Err(Problem::new(&codes::METHOD_NOT_ALLOWED, detail).with_header(ALLOW, header))
}

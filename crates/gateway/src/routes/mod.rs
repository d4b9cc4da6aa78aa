//! The routes, one file each. Both APIs have the same.

mod accepted;
pub(crate) mod admin;
mod batch;
mod body_schema;
mod cancel;
mod generate;
mod incoming;
mod json_body;
mod limits;
mod models;
mod page;
mod put;
mod request_headers;
mod webhooks;

use actix_web::HttpRequest;
use actix_web::http::header::CACHE_CONTROL;
use http_api::ApiSurface;
use utoipa_actix_web::scope::scope;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes of an API, with those of the status service on request.
pub(crate) fn routes(api: ApiSurface, with_status: bool, config: &mut ServiceConfig<'_>) {
    let routes = scope(api.prefix())
        .service(generate::generate)
        .service(batch::batch)
        .service(put::put)
        .service(cancel::cancel)
        .service(limits::limits)
        .service(models::models)
        .configure(webhooks::routes);
    config.service(if with_status { routes.configure(status::routes) } else { routes });
}

/// Whether the client refuses a result that was made before.
fn no_cache(request: &HttpRequest) -> bool {
    let lines = request.headers().get_all(CACHE_CONTROL).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|word| word.trim().eq_ignore_ascii_case("no-cache"))
}

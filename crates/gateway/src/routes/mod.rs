//! The routes, one file each.

mod cancel;
mod generate;
mod request_body;

use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(generate::generate).service(cancel::cancel);
}

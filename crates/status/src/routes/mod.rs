//! The routes, one file each.

mod events;
mod job;
mod result;
mod thumbnail;

pub(crate) use events::Heartbeat;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(job::job).service(events::events).service(result::result).service(thumbnail::thumbnail);
}

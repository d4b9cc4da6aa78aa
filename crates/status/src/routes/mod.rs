//! The routes, one file each. Both APIs have the same.

mod batch;
mod events;
mod job;
mod jobs;
mod result;
mod thumbnail;

use ::web::Api;
pub(crate) use events::Heartbeat;
use utoipa_actix_web::scope::scope;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes of an API.
pub(crate) fn routes(api: Api, config: &mut ServiceConfig<'_>) {
    config.service(
        scope(api.prefix())
            .service(jobs::jobs)
            .service(job::job)
            .service(job::status)
            .service(events::events)
            .service(result::result)
            .service(thumbnail::thumbnail)
            .service(batch::batch),
    );
}

//! The routes, one file each. Both APIs have the same.

mod batch;
mod events;
mod job;
mod jobs;
mod result;
mod thumbnail;

pub use events::Heartbeat;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers all routes of an API, within its scope. They take a [`Heartbeat`] as application data.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(jobs::jobs)
        .service(job::job)
        .service(job::status)
        .service(events::events)
        .service(result::result)
        .service(thumbnail::thumbnail)
        .service(batch::batch);
}

//! The routes. The surfaces of users and of agents have the same ones.

mod artifact;
mod batch;
mod events;
mod job;
mod jobs;

pub use events::Heartbeat;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the routes within the scope of a surface. They take a [`Heartbeat`] as application data.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(jobs::jobs)
        .service(job::job)
        .service(job::status)
        .service(events::events)
        .service(artifact::artifact)
        .service(artifact::result)
        .service(artifact::thumbnail)
        .service(batch::batch);
}

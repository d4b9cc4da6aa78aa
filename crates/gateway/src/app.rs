//! The service as a whole.

use crate::Options;
use crate::fetch::Fetcher;
use crate::intake::Intake;
use crate::routes::{admin, routes};
use crate::submit::Desk;
use crate::{sweep, telling, test_keys};
use actix_web::web;
use egress::Egress;
use http_api::{AppState, Binding, BlobAccess, Server, ServiceOptions};
use tokio_util::sync::CancellationToken;
use utoipa_actix_web::service_config::ServiceConfig;
use webhooks::Webhooks;

const TITLE: &str = "ORFEAS gateway";
const DESCRIPTION: &str = "Takes pictures and queues jobs that make 3D meshes of them.";

/// A gateway that could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The way out cannot be opened.
    #[error(transparent)]
    Egress(#[from] egress::Error),
    /// Webhooks cannot be used.
    #[error("webhooks cannot be used")]
    Webhooks(#[from] webhooks::Error),
    /// It cannot start for a reason that every service may have.
    #[error(transparent)]
    Service(#[from] http_api::Error),
}

/// Starts the service. It drains and ends when `shutdown` is cancelled. Call it from inside a Tokio runtime.
///
/// # Errors
/// Keys, queue, blob store or address that cannot be used.
pub async fn start(options: &Options, shutdown: CancellationToken) -> Result<Server, Error> {
    let ServiceOptions { server, apis, redis, .. } = &options.service;
    let state = AppState::open(&options.service, BlobAccess::Write).await?;
    let (queue, blobs) = (state.queue.clone(), state.blobs.clone());
    let egress = Egress::new(&options.egress)?;
    let intake = Intake::new(&options.intake, Fetcher::new(&options.fetch, &egress));
    let rooms = options.intake.rooms();
    let (redis_url, prefix) = (redis.redis_url.expose(), &redis.key_prefix);
    let webhooks = Webhooks::new(redis_url, prefix, state.authenticator.registry(), egress, options.webhooks.clone())?;
    let desk = Desk::new(queue.clone(), blobs.clone(), state.authenticator.limiter().clone(), rooms, intake);
    let (desk, hooks) = (web::Data::new(desk), web::Data::new(webhooks.clone()));
    let heartbeat = web::Data::new(status::Heartbeat::default());

    let binding = Binding { listen: options.listen, addr_file: options.addr_file.clone() };
    let api = http_api::describe(TITLE, DESCRIPTION);
    let (apis, with_status) = (apis.served(), options.with_status);
    let service = move |config: &mut ServiceConfig<'_>| {
        config.app_data(desk.clone()).app_data(hooks.clone()).app_data(heartbeat.clone());
        apis.iter().for_each(|api| routes(*api, with_status, config));
        config.configure(admin::routes);
    };
    tokio::spawn(telling::run(webhooks, queue.clone(), shutdown.clone()));
    tokio::spawn(test_keys::run(queue.clone(), blobs.clone(), shutdown.clone()));
    if let Some(sweeping) = options.sweeping() {
        tokio::spawn(sweep::run(queue.clone(), blobs.clone(), sweeping, shutdown.clone()));
    }
    Ok(Server::start(&binding, server, state, api, service, shutdown)?)
}

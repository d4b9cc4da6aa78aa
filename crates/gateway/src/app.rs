//! The service as a whole.

use crate::Options;
use crate::fetch::Fetcher;
use crate::image_check::ImageChecker;
use crate::routes::{admin, routes};
use crate::submit::{SubmitService, Workers};
use crate::{gc, test_keys, webhook_payload};
use actix_web::web;
use egress::Egress;
use http_api::{AppState, Binding, BlobAccess, Server, ServiceOptions};
use tokio_util::sync::CancellationToken;
use utoipa_actix_web::service_config::ServiceConfig;
use webhooks::Webhooks;

const TITLE: &str = "ORFEAS gateway";
const DESCRIPTION: &str = "Accepts images and queues jobs that make 3D meshes from them.";

/// A gateway that could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Outgoing calls cannot be set up.
    #[error(transparent)]
    Egress(#[from] egress::Error),
    /// Webhooks cannot be used.
    #[error("webhooks cannot be used")]
    Webhooks(#[from] webhooks::Error),
    /// An error that any service may have.
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
    let memory = options.requests.memory();
    let service = SubmitService {
        queue: queue.clone(),
        blobs: blobs.clone(),
        limiter: state.authenticator.limiter().clone(),
        images: ImageChecker::new(options.requests.picture(), options.requests.picture_checks, memory.clone()),
        memory,
        fetcher: Fetcher::new(&options.fetch, &egress),
        workers: Workers::new(options.requests.default_model.clone()),
    };
    let (redis_url, prefix) = (redis.redis_url.expose(), &redis.key_prefix);
    let webhooks = Webhooks::new(redis_url, prefix, state.authenticator.registry(), egress, options.webhooks.clone())?;
    let (service, hooks) = (web::Data::new(service), web::Data::new(webhooks.clone()));
    let heartbeat = web::Data::new(status::Heartbeat::default());

    let binding = Binding { listen: options.listen, addr_file: options.addr_file.clone() };
    let api = http_api::describe(TITLE, DESCRIPTION);
    let (apis, with_status) = (apis.served(), options.with_status);
    let configure = move |config: &mut ServiceConfig<'_>| {
        config.app_data(service.clone()).app_data(hooks.clone()).app_data(heartbeat.clone());
        apis.iter().for_each(|api| routes(*api, with_status, config));
        config.configure(admin::routes);
    };
    tokio::spawn(webhook_payload::run(webhooks, queue.clone(), shutdown.clone()));
    tokio::spawn(test_keys::run(queue.clone(), blobs.clone(), shutdown.clone()));
    if let Some(options) = options.gc() {
        tokio::spawn(gc::run(queue.clone(), blobs.clone(), options, shutdown.clone()));
    }
    Ok(Server::start(&binding, server, state, api, configure, shutdown)?)
}

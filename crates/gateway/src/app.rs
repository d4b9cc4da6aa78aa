//! The service as a whole.

use crate::Options;
use crate::fetch::Fetcher;
use crate::intake::Intake;
use crate::routes::{admin, routes};
use crate::submit::Desk;
use crate::{sweep, telling, test_keys};
use ::web::{Binding, BlobUse, Gate, House, Server};
use actix_web::web;
use blobs::Blobs;
use egress::Egress;
use queue::Queue;
use tokio_util::sync::CancellationToken;
use utoipa_actix_web::service_config::ServiceConfig;
use webhooks::Webhooks;

const TITLE: &str = "ORFEAS gateway";
const DESCRIPTION: &str = "Takes pictures and queues jobs that make 3D meshes of them.";

/// A gateway that could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The master key cannot be read, or the registry of tenants cannot be used.
    #[error(transparent)]
    Access(#[from] access::Error),
    /// The queue cannot be used.
    #[error("the queue cannot be used")]
    Queue(#[from] queue::Error),
    /// The blob store cannot be used.
    #[error("the blob store cannot be used")]
    Blobs(#[from] blobs::Error),
    /// The way out cannot be opened.
    #[error(transparent)]
    Egress(#[from] egress::Error),
    /// Webhooks cannot be used.
    #[error("webhooks cannot be used")]
    Webhooks(#[from] webhooks::Error),
    /// The server cannot start.
    #[error(transparent)]
    Server(#[from] ::web::Error),
}

/// Starts the service. It drains and ends when `shutdown` is cancelled. Call it from inside a Tokio runtime.
///
/// # Errors
/// Keys, queue, blob store or address that cannot be used.
pub async fn start(options: &Options, shutdown: CancellationToken) -> Result<Server, Error> {
    let master = options.access.master.load()?;
    let queue = Queue::connect(&options.redis).await?;
    let (redis_url, prefix) = (options.redis.redis_url.expose(), &options.redis.key_prefix);
    let gate = Gate::open(&options.access, &master, redis_url, prefix).await?;
    let blobs = Blobs::open(&options.blobs)?;
    let egress = Egress::new(&options.egress)?;
    let intake = Intake::new(&options.intake, Fetcher::new(&options.fetch, &egress));
    let rooms = options.intake.rooms();
    let webhooks = Webhooks::new(redis_url, prefix, gate.registry(), egress, options.webhooks.clone())?;
    let desk = Desk::new(queue.clone(), blobs.clone(), gate.limiter().clone(), rooms, intake);
    let (desk, hooks) = (web::Data::new(desk), web::Data::new(webhooks.clone()));
    let heartbeat = web::Data::new(status::Heartbeat::default());

    let house = House { gate, queue: queue.clone(), blobs: blobs.clone(), blob_use: BlobUse::Write };
    let binding = Binding { listen: options.listen, addr_file: options.addr_file.clone() };
    let api = ::web::describe(TITLE, DESCRIPTION);
    let (apis, with_status) = (options.apis.served(), options.with_status);
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
    Ok(Server::start(&binding, &options.server, house, api, service, shutdown)?)
}

//! The service as a whole.

use crate::Options;
use crate::routes::{Heartbeat, routes};
use ::web::{Binding, BlobUse, Gate, House, Server};
use actix_web::web;
use blobs::Blobs;
use queue::Queue;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use utoipa_actix_web::scope::scope;
use utoipa_actix_web::service_config::ServiceConfig;

const TITLE: &str = "ORFEAS status";
const DESCRIPTION: &str = "Tells where jobs stand and serves their results.";

/// A status service that could not start.
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
    let heartbeat = web::Data::new(Heartbeat(Duration::from_secs(options.heartbeat_seconds.into())));

    let house = House { gate, queue, blobs, blob_use: BlobUse::Read };
    let binding = Binding { listen: options.listen, addr_file: options.addr_file.clone() };
    let api = ::web::describe(TITLE, DESCRIPTION);
    let apis = options.apis.served();
    let service = move |config: &mut ServiceConfig<'_>| {
        config.app_data(heartbeat.clone());
        for api in apis {
            config.service(scope(api.prefix()).configure(routes));
        }
    };
    Ok(Server::start(&binding, &options.server, house, api, service, shutdown)?)
}

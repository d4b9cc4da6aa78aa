//! The service as a whole.

use crate::Options;
use crate::routes::{Heartbeat, routes};
use actix_web::web;
use http_api::{AppState, Binding, BlobAccess, Error, Server};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use utoipa_actix_web::scope::scope;
use utoipa_actix_web::service_config::ServiceConfig;

const TITLE: &str = "ORFEAS status";
const DESCRIPTION: &str = "Reports the state of jobs and serves their results.";

/// Starts the service. It drains and ends when `shutdown` is cancelled. Call it from inside a Tokio runtime.
///
/// # Errors
/// Keys, queue, blob store or address that cannot be used.
pub async fn start(options: &Options, shutdown: CancellationToken) -> Result<Server, Error> {
    let state = AppState::open(&options.service, BlobAccess::Read).await?;
    let heartbeat = web::Data::new(Heartbeat(Duration::from_secs(options.heartbeat_seconds.into())));
    let binding = Binding { listen: options.listen, addr_file: options.addr_file.clone() };
    let api = http_api::describe(TITLE, DESCRIPTION);
    let apis = options.service.apis.served();
    let service = move |config: &mut ServiceConfig<'_>| {
        config.app_data(heartbeat.clone());
        for api in apis {
            config.service(scope(api.prefix()).configure(routes));
        }
    };
    Server::start(&binding, &options.service.server, state, api, service, shutdown)
}

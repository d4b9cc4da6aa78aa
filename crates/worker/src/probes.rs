//! `/livez`, `/readyz` and `/metrics` of the worker.

use crate::context::WorkerContext;
use actix_web::http::header::ContentType;
use actix_web::middleware::NormalizePath;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer, Resource};
use queue::Queue;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long Redis may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the probes report on.
#[derive(Clone)]
pub(crate) struct ProbeState {
    pub(crate) context: Arc<WorkerContext>,
    pub(crate) queue: Queue,
    /// Cancelled when the worker stops leasing.
    pub(crate) stop: CancellationToken,
}

/// Serves the probes on a bound listener until `done` is cancelled.
pub(crate) async fn serve(listener: TcpListener, state: ProbeState, done: CancellationToken) -> std::io::Result<()> {
    let server = HttpServer::new(move || {
        App::new()
            .wrap(NormalizePath::trim())
            .app_data(Data::new(state.clone()))
            .service(probe("/livez").route(web::route().to(livez)))
            .service(probe("/readyz").route(web::route().to(readyz)))
            .service(probe("/metrics").route(web::route().to(metrics)))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    tokio::spawn(async move {
        done.cancelled().await;
        handle.stop(false).await;
    });
    server.await
}

/// A resource for GET and HEAD.
fn probe(path: &str) -> Resource {
    web::resource(path).guard(actix_web::guard::Any(actix_web::guard::Get()).or(actix_web::guard::Head()))
}

/// Binds the address; port 0 takes a free one.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address)
}

/// 200 unless the process must be restarted.
async fn livez(state: Data<ProbeState>) -> HttpResponse {
    match state.context.engines.fault() {
        Some(fault) => unavailable(&fault.to_string()),
        None => ok(),
    }
}

/// 200 while the worker can take jobs and deliver their results.
async fn readyz(state: Data<ProbeState>) -> HttpResponse {
    if let Some(fault) = state.context.engines.fault() {
        return unavailable(&fault.to_string());
    }
    if state.stop.is_cancelled() {
        return unavailable("draining");
    }
    if state.context.results_waiting.load(Ordering::Relaxed) > 0 {
        return unavailable("results wait: the blob store cannot be written");
    }
    // A write: a demoted primary still answers reads.
    match tokio::time::timeout(PATIENCE, state.queue.check_writable()).await {
        Ok(Ok(_)) => ok(),
        Ok(Err(error)) => unavailable(&format!("the queue cannot be written: {error}")),
        Err(_) => unavailable("redis does not answer"),
    }
}

async fn metrics() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body(telemetry::render())
}

fn ok() -> HttpResponse {
    HttpResponse::Ok().body("ok\n")
}

fn unavailable(reason: &str) -> HttpResponse {
    HttpResponse::ServiceUnavailable().body(format!("{reason}\n"))
}

/// Writes the address via rename, so that readers never see a partial file.
pub(crate) fn write_address(path: &Path, address: SocketAddr) -> std::io::Result<()> {
    let temporary = path.with_extension("tmp");
    std::fs::write(&temporary, address.to_string())?;
    std::fs::rename(temporary, path)
}

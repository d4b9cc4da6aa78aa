//! `/livez`, `/readyz` and `/metrics` of the worker.

use crate::job::Workshop;
use actix_web::http::header::ContentType;
use actix_web::{App, HttpResponse, HttpServer, Responder, get, web};
use queue::Queue;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What the probes look at.
#[derive(Clone)]
pub(crate) struct Watched {
    pub(crate) workshop: Arc<Workshop>,
    pub(crate) queue: Queue,
    /// Cancelled when the worker stops leasing.
    pub(crate) stop: CancellationToken,
}

/// Serves the probes on a bound listener until `done` is cancelled.
pub(crate) async fn serve(listener: TcpListener, watched: Watched, done: CancellationToken) -> std::io::Result<()> {
    let server = HttpServer::new(move || {
        App::new().app_data(web::Data::new(watched.clone())).service(livez).service(readyz).service(metrics)
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

/// Binds the address; port 0 takes a free one.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address)
}

/// The process works, though it may not be able to take jobs now. Anything else than 200 is a reason to restart it.
#[get("/livez")]
async fn livez(watched: web::Data<Watched>) -> impl Responder {
    match watched.workshop.engines.fault() {
        Some(fault) => HttpResponse::ServiceUnavailable().body(format!("{fault}\n")),
        None => HttpResponse::Ok().body("ok\n"),
    }
}

/// It can take jobs.
#[get("/readyz")]
async fn readyz(watched: web::Data<Watched>) -> impl Responder {
    let unready = |why: &'static str| HttpResponse::ServiceUnavailable().body(why);
    if let Some(fault) = watched.workshop.engines.fault() {
        return HttpResponse::ServiceUnavailable().body(format!("{fault}\n"));
    }
    if watched.stop.is_cancelled() {
        return unready("draining\n");
    }
    match tokio::time::timeout(Duration::from_secs(2), watched.queue.ping()).await {
        Ok(Ok(_)) => HttpResponse::Ok().body("ok\n"),
        _ => unready("redis does not answer\n"),
    }
}

#[get("/metrics")]
async fn metrics() -> impl Responder {
    HttpResponse::Ok().content_type(ContentType::plaintext()).body(telemetry::render())
}

/// Whoever waits for the file must find it whole.
pub(crate) fn write_address(path: &Path, address: SocketAddr) -> std::io::Result<()> {
    let beside = path.with_extension("tmp");
    std::fs::write(&beside, address.to_string())?;
    std::fs::rename(beside, path)
}

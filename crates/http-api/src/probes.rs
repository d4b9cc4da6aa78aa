//! The routes that operators and load balancers call. None of them asks for a key; keep them from the outside world by
//! the proxy in front, as `nginx.conf` does.

use crate::{ApiDocument, BlobAccess};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, get, web};
use blobs::Blobs;
use bytes::Bytes;
use domain::BlobId;
use queue::Queue;
use serde::Serialize;
use std::time::Duration;
use telemetry::names;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// A store that takes longer than this is not ready.
const PATIENCE: Duration = Duration::from_secs(2);

/// Registers all probes.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(livez).service(readyz).service(render_metrics).service(openapi);
}

/// Whether a route is one of these.
pub(crate) fn is_probe(route: &str) -> bool {
    matches!(route, "/livez" | "/readyz" | "/metrics" | "/openapi.json")
}

/// The process is alive
///
/// Answers as long as the process can answer at all; looks at nothing else.
#[utoipa::path(tag = "operating", responses((status = 200, description = "It is", content_type = "text/plain", body = String)))]
#[get("/livez")]
async fn livez() -> &'static str {
    "alive\n"
}

/// What a service needs, and whether it is there.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    /// Everything is there.
    ready: bool,
    /// The queue answers.
    queue: bool,
    /// The blob store answers (and, in the gateway, takes bytes).
    blobs: bool,
}

/// The service can do its work
///
/// Asks the queue and the blob store.
#[utoipa::path(
    tag = "operating",
    responses(
        (status = 200, description = "It can", body = Readiness),
        (status = 503, description = "Something is missing; it is tried again at the next request", body = Readiness),
    )
)]
#[get("/readyz")]
async fn readyz(queue: web::Data<Queue>, blobs: web::Data<Blobs>, needed: web::Data<BlobAccess>) -> HttpResponse {
    let (queue, blobs) = tokio::join!(
        tokio::time::timeout(PATIENCE, queue.ping()),
        tokio::time::timeout(PATIENCE, reach(&blobs, **needed)),
    );
    let (queue, blobs) = (matches!(queue, Ok(Ok(_))), matches!(blobs, Ok(Ok(_))));
    let ready = queue && blobs;
    let mut response = if ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header((CACHE_CONTROL, "no-store")).json(Readiness { ready, queue, blobs })
}

/// Whether blobs can be used as this service uses them.
async fn reach(blobs: &Blobs, needed: BlobAccess) -> Result<(), blobs::Error> {
    match needed {
        // Always the same bytes, so it is always the same blob.
        BlobAccess::Write => blobs.put(Bytes::from_static(b"readiness probe\n")).await.map(drop),
        BlobAccess::Read => {
            let any: BlobId = "0".repeat(64).parse().expect("64 zeros are a blob id. This is a bug.");
            blobs.size(&any).await.map(drop)
        }
    }
}

/// Metrics for Prometheus
#[utoipa::path(
    tag = "operating",
    responses((status = 200, description = "Every metric of this process", content_type = "text/plain", body = String))
)]
#[get("/metrics")]
async fn render_metrics(queue: web::Data<Queue>) -> HttpResponse {
    // The queue is read when somebody looks; one that cannot be reached must not hide the other metrics.
    let _ = tokio::time::timeout(PATIENCE, read_queue(&queue)).await;
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(telemetry::render())
}

/// Sets the metrics of the queue to what it says.
async fn read_queue(queue: &Queue) -> Result<(), queue::Error> {
    for (class, load) in queue.load().await? {
        for (state, jobs) in [("queued", load.queued), ("running", load.running)] {
            metrics::gauge!(names::QUEUE_DEPTH, "class" => class.as_str(), "state" => state).set(jobs as f64);
        }
    }
    metrics::gauge!(names::DEAD_LETTERS).set(queue.depth().await?.dead as f64);
    let slots: u32 = queue.workers().await?.iter().map(|worker| worker.slots).sum();
    metrics::gauge!(names::WORKER_SLOTS).set(f64::from(slots));
    let counters = queue.counters().await?;
    metrics::counter!(names::FENCED_WRITES).absolute(counters.fenced);
    metrics::counter!(names::LEASES_RECLAIMED).absolute(counters.reclaimed);
    Ok(())
}

/// This document
#[utoipa::path(
    tag = "operating",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = Object))
)]
#[get("/openapi.json")]
async fn openapi(api: web::Data<ApiDocument>) -> HttpResponse {
    HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/json")).body(api.json().to_owned())
}

//! The routes for operators and load balancers. They take no key; a proxy in front should keep them from the public, as
//! `nginx.conf` does.

use crate::readiness::{CHECK_TIMEOUT, Readiness, ReadinessCheck};
use crate::{ApiDocument, pages};
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::{HttpResponse, get, web};
use domain::Class;
use queue::Queue;
use telemetry::names;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the probes and the pages for people.
pub(crate) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(livez).service(readyz).service(render_metrics).service(openapi);
    config.service(pages::front).configure(pages::documentation);
}

/// Whether a route is a probe.
pub(crate) fn is_probe(route: &str) -> bool {
    matches!(route, "/livez" | "/readyz" | "/metrics" | "/openapi.json")
}

/// The process is alive
///
/// Checks nothing else.
#[utoipa::path(tag = "operating", responses((status = 200, description = "The process answers", content_type = "text/plain", body = String)))]
#[get("/livez")]
async fn livez() -> &'static str {
    "alive\n"
}

/// The service can do its work
///
/// 503 when the queue or the blob store cannot be used as this service uses them. Jobs that wait while no worker can run
/// them are a warning and not a 503: the service can still take jobs, and workers start on their own.
#[utoipa::path(
    tag = "operating",
    responses(
        (status = 200, description = "The service can do its work, perhaps with restrictions", body = Readiness),
        (status = 503, description = "The service cannot do its work", body = Readiness),
    )
)]
#[get("/readyz")]
async fn readyz(check: web::Data<ReadinessCheck>) -> HttpResponse {
    let readiness = check.current().await;
    let mut response = if readiness.ready { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    response.insert_header((CACHE_CONTROL, "no-store")).json(readiness)
}

/// Metrics for Prometheus
#[utoipa::path(
    tag = "operating",
    responses((status = 200, description = "Every metric of this process", content_type = "text/plain", body = String))
)]
#[get("/metrics")]
async fn render_metrics(queue: web::Data<Queue>) -> HttpResponse {
    // The metrics of the queue are read on demand. A queue that cannot be reached must not hide the others.
    let _ = tokio::time::timeout(CHECK_TIMEOUT, read_queue(&queue)).await;
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(telemetry::render())
}

/// Sets the metrics of the queue.
async fn read_queue(queue: &Queue) -> Result<(), queue::Error> {
    for (class, load) in queue.load().await? {
        for (state, jobs) in [("queued", load.queued), ("running", load.running)] {
            metrics::gauge!(names::QUEUE_DEPTH, "class" => class.as_str(), "state" => state).set(jobs as f64);
        }
    }
    let lanes = queue.lanes().await?;
    for class in Class::ALL {
        let lanes = || lanes.iter().filter(|lane| lane.class == class);
        let stalled = lanes().map(|lane| lane.waiting_for).max().unwrap_or_default();
        metrics::gauge!(names::QUEUE_STALLED_SECONDS, "class" => class.as_str()).set(stalled.as_secs_f64());
        let jobs: u64 = lanes().filter(|lane| !lane.has_worker).map(|lane| lane.queued).sum();
        metrics::gauge!(names::QUEUE_WITHOUT_WORKER, "class" => class.as_str()).set(jobs as f64);
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

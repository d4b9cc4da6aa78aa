//! `GET .../jobs/{job_id}`, and the same as `GET .../status/{job_id}`: one job.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use http_api::{ApiSurface, Authenticated, JobPath, JobView, Problem, own_entry};
use queue::Queue;

/// A job
#[utoipa::path(
    tag = "jobs",
    params(JobPath),
    responses((status = 200, description = "The job", body = JobView))
)]
#[get("/jobs/{job_id}")]
pub(super) async fn job(
    api: ApiSurface,
    caller: Authenticated,
    path: JobPath,
    queue: web::Data<Queue>,
) -> Result<HttpResponse, Problem> {
    respond(api, &caller, &path, &queue).await
}

/// A job, at another address
///
/// The same as `jobs/{job_id}`.
#[utoipa::path(
    tag = "jobs",
    params(JobPath),
    responses((status = 200, description = "The job", body = JobView))
)]
#[get("/status/{job_id}")]
pub(super) async fn status(
    api: ApiSurface,
    caller: Authenticated,
    path: JobPath,
    queue: web::Data<Queue>,
) -> Result<HttpResponse, Problem> {
    respond(api, &caller, &path, &queue).await
}

async fn respond(
    api: ApiSurface,
    caller: &Authenticated,
    path: &JobPath,
    queue: &Queue,
) -> Result<HttpResponse, Problem> {
    let view = JobView::of(api, own_entry(queue, caller, path).await?);
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

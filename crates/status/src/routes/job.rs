//! `GET .../jobs/{job_id}`, and the same as `GET .../status/{job_id}`: where a job stands.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use domain::JobRecord;
use http_api::{ApiSurface, Authenticated, JobPath, JobView, Problem, own_job};
use queue::Queue;

/// Where a job stands
#[utoipa::path(
    tag = "jobs",
    params(JobPath),
    responses((status = 200, description = "All that is known of it", body = JobView))
)]
#[get("/jobs/{job_id}")]
pub(super) async fn job(
    api: ApiSurface,
    caller: Authenticated,
    path: JobPath,
    queue: web::Data<Queue>,
) -> Result<HttpResponse, Problem> {
    told(api, &caller, &path, &queue).await
}

/// Where a job stands, by another address
///
/// The same as `jobs/{job_id}`.
#[utoipa::path(
    tag = "jobs",
    params(JobPath),
    responses((status = 200, description = "All that is known of it", body = JobView))
)]
#[get("/status/{job_id}")]
pub(super) async fn status(
    api: ApiSurface,
    caller: Authenticated,
    path: JobPath,
    queue: web::Data<Queue>,
) -> Result<HttpResponse, Problem> {
    told(api, &caller, &path, &queue).await
}

/// What is told of a job at either address.
async fn told(api: ApiSurface, caller: &Authenticated, path: &JobPath, queue: &Queue) -> Result<HttpResponse, Problem> {
    let record = own_job(queue, caller, path).await?;
    let view = view(api, queue, record).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

/// A job with its place in line and the time that it has left.
pub(super) async fn view(api: ApiSurface, queue: &Queue, record: JobRecord) -> Result<JobView, Problem> {
    let position = if record.state.is_terminal() { None } else { queue.position(record.job.id).await? };
    Ok(JobView::of(api, record, position.unwrap_or_default()))
}

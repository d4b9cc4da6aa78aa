//! `GET .../jobs/{job_id}`, and the same as `GET .../status/{job_id}`: one job.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get};
use http_api::{ApiSurface, JobPath, JobView, OwnJob};

/// A job
#[utoipa::path(
    tag = "jobs",
    params(JobPath),
    responses((status = 200, description = "The job", body = JobView))
)]
#[get("/jobs/{job_id}")]
pub(super) async fn job(api: ApiSurface, own: OwnJob) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(JobView::of(api, own.0))
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
pub(super) async fn status(api: ApiSurface, own: OwnJob) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(JobView::of(api, own.0))
}

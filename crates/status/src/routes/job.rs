//! `GET /api/v1/jobs/{job_id}`: where a job stands.

use ::web::{Api, Authenticated, JobPath, JobView, Place, Problem, ProblemBody, own_job};
use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use domain::{JobRecord, JobState};
use queue::Queue;

/// Where a job stands
#[utoipa::path(
    tag = "jobs",
    security(("api_key" = [])),
    params(("job_id" = String, Path, description = "The job's id", format = Uuid)),
    responses(
        (status = 200, description = "All that is known of it", body = JobView),
        (status = "4XX", description = "There is no such job", body = ProblemBody, content_type = "application/problem+json"),
        (status = "5XX", description = "Could not be done", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
#[get("/api/v1/jobs/{job_id}")]
async fn job(api: Api, caller: Authenticated, path: JobPath, queue: web::Data<Queue>) -> Result<HttpResponse, Problem> {
    let record = own_job(&queue, &caller, &path).await?;
    let view = view(api, &queue, record).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

/// A job with its place in line, if it waits.
pub(super) async fn view(api: Api, queue: &Queue, record: JobRecord) -> Result<JobView, Problem> {
    let place = match record.state {
        JobState::Queued | JobState::Running => {
            let line = queue.line(record.job.id).await?.unwrap_or_default();
            Place { position: Some(line.position).filter(|place| *place > 0), eta: line.eta }
        }
        _ => Place::default(),
    };
    Ok(JobView::of(api, record, place))
}

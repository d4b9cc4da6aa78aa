//! `DELETE .../jobs/{job_id}`: cancels a job.

use actix_web::{HttpResponse, delete, web};
use domain::{JobId, JobState};
use http_api::{CanCancel, JobPath, OwnJob, Problem, codes};
use queue::Queue;
use serde::Serialize;
use telemetry::names;
use utoipa::ToSchema;

/// A job that is cancelled or will be.
#[derive(Debug, Serialize, ToSchema)]
struct Cancelled {
    /// The job's id.
    #[schema(value_type = String, format = Uuid)]
    job_id: JobId,
    /// `cancelled`, or `running` until its worker has stopped it.
    status: JobState,
}

/// Cancel a job
///
/// A job that waits is cancelled at once. One that runs is stopped at its next step; it stays `running` until then.
/// Cancelling a job that is cancelled changes nothing.
#[utoipa::path(
    tag = "jobs",
    params(JobPath),
    responses(
        (status = 200, description = "It is cancelled", body = Cancelled),
        (status = 202, description = "It is running and will be stopped", body = Cancelled),
    )
)]
#[delete("/jobs/{job_id}")]
async fn cancel(job: OwnJob<CanCancel>, queue: web::Data<Queue>) -> Result<HttpResponse, Problem> {
    let (job_id, before) = (job.0.id, job.0.state);
    let status = queue.cancel(job_id).await?;
    let mut response = match status {
        JobState::Succeeded | JobState::Failed => {
            let detail = format!("The job has {}.", status.as_str());
            return Err(Problem::new(&codes::JOB_FINISHED, detail));
        }
        JobState::Cancelled => HttpResponse::Ok(),
        JobState::Queued | JobState::Running => HttpResponse::Accepted(),
    };
    if before != JobState::Cancelled {
        metrics::counter!(names::JOBS_CANCELLED).increment(1);
    }
    Ok(response.json(Cancelled { job_id, status }))
}

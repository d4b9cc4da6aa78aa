//! `GET .../batch/{batch_id}`: a batch and its jobs.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use domain::{BatchId, JobId, JobState};
use http_api::{ApiSurface, Authenticated, JobView, Problem, batch_link, codes, estimated_completion, read_id};
use queue::Queue;
use serde::Serialize;
use utoipa::ToSchema;

/// A batch.
#[derive(Debug, Serialize, ToSchema)]
struct BatchView {
    /// The batch's id.
    #[schema(value_type = String, format = Uuid)]
    batch_id: BatchId,
    /// The ids of its jobs, in the order of the images.
    #[schema(value_type = Vec<String>)]
    job_ids: Vec<JobId>,
    /// The number of its jobs.
    batch_size: usize,
    /// Its jobs by state.
    counts: Counts,
    /// Share of it that is done, 0 to 1.
    progress: f64,
    /// Estimated time at which its last job ends (RFC 3339); absent while nothing is known, and when all have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    estimated_completion: Option<String>,
    /// When it was submitted, in milliseconds since the Unix epoch.
    submitted_ms: u64,
    /// Its jobs, in their order; forgotten ones are left out.
    jobs: Vec<JobView>,
    /// The address of the batch.
    #[serde(rename = "self")]
    this: String,
}

/// Jobs by state.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Counts {
    /// Waiting.
    queued: usize,
    /// Running.
    running: usize,
    /// Succeeded.
    succeeded: usize,
    /// Failed.
    failed: usize,
    /// Cancelled.
    cancelled: usize,
    /// Ended longer ago than jobs are kept.
    forgotten: usize,
}

/// A batch
///
/// The batch and each of its jobs as at `jobs/{job_id}`.
#[utoipa::path(
    tag = "batches",
    params(("batch_id" = String, Path, description = "The batch's id", format = Uuid)),
    responses((status = 200, description = "The batch", body = BatchView))
)]
#[get("/batch/{batch_id}")]
pub(super) async fn batch(
    api: ApiSurface,
    caller: Authenticated,
    path: web::Path<String>,
    queue: web::Data<Queue>,
) -> Result<HttpResponse, Problem> {
    let id: BatchId = read_id(&path).ok_or_else(|| Problem::new(&codes::INVALID_BATCH_ID, "A batch id is a UUID."))?;
    let record = queue.batch(id).await?.filter(|record| record.owner == caller.owner());
    let record = record.ok_or_else(|| Problem::new(&codes::BATCH_NOT_FOUND, "You have no batch of this id."))?;

    let open = || record.members.iter().filter_map(|m| m.entry.as_ref().filter(|entry| !entry.state.is_terminal()));
    let left = open().map(|entry| entry.position.eta);
    let estimated_completion = if open().next().is_none() { None } else { estimated_completion(left) };

    let (job_ids, mut counts) = (record.members.iter().map(|member| member.id).collect::<Vec<_>>(), Counts::default());
    let mut jobs = Vec::with_capacity(job_ids.len());
    for member in record.members {
        let Some(entry) = member.entry else {
            counts.forgotten += 1;
            continue;
        };
        *counts.of(entry.state) += 1;
        jobs.push(JobView::of(api, entry));
    }
    // A job that is forgotten has ended.
    let done: f64 = jobs.iter().map(JobView::done).sum::<f64>() + counts.forgotten as f64;
    let view = BatchView {
        batch_id: id,
        batch_size: job_ids.len(),
        progress: done / job_ids.len().max(1) as f64,
        job_ids,
        counts,
        estimated_completion,
        submitted_ms: record.submitted_ms,
        jobs,
        this: batch_link(api, id),
    };
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(view))
}

impl Counts {
    fn of(&mut self, state: JobState) -> &mut usize {
        match state {
            JobState::Queued => &mut self.queued,
            JobState::Running => &mut self.running,
            JobState::Succeeded => &mut self.succeeded,
            JobState::Failed => &mut self.failed,
            JobState::Cancelled => &mut self.cancelled,
        }
    }
}

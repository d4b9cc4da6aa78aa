//! `GET .../batch/{batch_id}`: where a batch stands.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use domain::{BatchId, JobId, JobState};
use http_api::{ApiSurface, Authenticated, JobView, Problem, batch_link, codes, estimated_completion, read_id};
use queue::Queue;
use serde::Serialize;
use utoipa::ToSchema;

/// Where a batch stands.
#[derive(Debug, Serialize, ToSchema)]
struct BatchView {
    /// The batch's id.
    #[schema(value_type = String, format = Uuid)]
    batch_id: BatchId,
    /// The ids of its jobs, in the order of the pictures.
    #[schema(value_type = Vec<String>)]
    job_ids: Vec<JobId>,
    /// How many pictures were sent.
    batch_size: usize,
    /// How many of its jobs stand where.
    counts: Counts,
    /// Share of it that is done, 0 to 1.
    progress: f64,
    /// When the last of its jobs will have ended (RFC 3339), as far as can be told from the jobs of late; absent when
    /// all have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    estimated_completion: Option<String>,
    /// When it was submitted, in milliseconds since the Unix epoch.
    submitted_ms: u64,
    /// What is known of its jobs, in their order; those that are forgotten are left out.
    jobs: Vec<JobView>,
    /// Where the batch stands.
    #[serde(rename = "self")]
    this: String,
}

/// How many jobs stand where.
#[derive(Debug, Default, Serialize, ToSchema)]
struct Counts {
    /// They wait.
    queued: usize,
    /// They are being made.
    running: usize,
    /// The mesh is there.
    succeeded: usize,
    /// They could not be made.
    failed: usize,
    /// They were withdrawn.
    cancelled: usize,
    /// They ended so long ago that nothing is known of them.
    forgotten: usize,
}

/// Where a batch stands
///
/// The batch, and each of its jobs as `jobs/{job_id}` tells of it.
#[utoipa::path(
    tag = "batches",
    params(("batch_id" = String, Path, description = "The batch's id", format = Uuid)),
    responses((status = 200, description = "All that is known of it", body = BatchView))
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
        match entry.record {
            Ok(job) => jobs.push(JobView::of(api, job, entry.position)),
            Err(error) => tracing::warn!(%error, "a job is left out of a batch"),
        }
    }
    // What is forgotten has ended.
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

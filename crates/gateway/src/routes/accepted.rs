//! The answers to accepted requests.

use crate::submit::AcceptedJob;
use access::Caller;
use domain::{BatchId, Class, JobId, JobState, ResultRecord};
use http_api::{ApiSurface, Links, batch_link, estimated_completion, seconds};
use picture::Warning;
use queue::SubmitOutcome;
use serde::Serialize;
use utoipa::ToSchema;

/// A job that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Accepted {
    /// The job's id.
    #[schema(value_type = String, format = Uuid)]
    job_id: JobId,
    /// The agent that it belongs to; absent for a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<String>,
    /// Its state: `queued`, unless the request is answered with an earlier job.
    status: JobState,
    /// Its position in the queue while it waits; 1 is next.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Estimated seconds until it ends, from the run times of recent jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_seconds: Option<u64>,
    /// The seed that it is made with, drawn at random unless one was sent.
    seed: u64,
    /// The result was made before: the job has succeeded already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    /// The result of a job that has succeeded already.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultRecord>,
    /// Doubts about the request. The job is run all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    /// Where to follow it and fetch its result.
    links: Links,
}

impl Accepted {
    pub(super) fn of(api: ApiSurface, agent_id: Option<String>, job: AcceptedJob) -> Self {
        let AcceptedJob { submitted, seed, warnings, record } = job;
        Self {
            job_id: submitted.id,
            agent_id,
            status: submitted.state,
            position: Some(submitted.position.position).filter(|position| *position > 0),
            eta_seconds: submitted.position.eta.map(seconds),
            seed,
            cached: submitted.outcome == SubmitOutcome::Cached,
            result: record.and_then(|record| record.result),
            warnings,
            links: Links::of(api, submitted.id),
        }
    }

    pub(super) fn location(&self) -> &str {
        &self.links.this
    }
}

/// A batch that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct BatchAccepted {
    /// The batch's id.
    #[schema(value_type = String, format = Uuid)]
    batch_id: BatchId,
    /// The agent that it belongs to; absent for a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<String>,
    /// The ids of its jobs, in the order of the images.
    #[schema(value_type = Vec<String>)]
    job_ids: Vec<JobId>,
    /// Number of images in the request.
    batch_size: usize,
    /// Estimated time when the last of its jobs ends (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    estimated_completion: Option<String>,
    /// The answer for each image, in their order.
    jobs: Vec<Accepted>,
    /// Where the batch stands.
    #[serde(rename = "self")]
    this: String,
}

impl BatchAccepted {
    pub(super) fn of(api: ApiSurface, agent_id: Option<String>, batch_id: BatchId, accepted: Vec<AcceptedJob>) -> Self {
        let open = accepted.iter().filter(|one| !one.submitted.state.is_terminal());
        let estimated_completion = estimated_completion(open.map(|one| one.submitted.position.eta));
        Self {
            batch_id,
            agent_id: agent_id.clone(),
            job_ids: accepted.iter().map(|one| one.submitted.id).collect(),
            batch_size: accepted.len(),
            estimated_completion,
            jobs: accepted.into_iter().map(|one| Accepted::of(api, agent_id.clone(), one)).collect(),
            this: batch_link(api, batch_id),
        }
    }

    pub(super) fn location(&self) -> &str {
        &self.this
    }
}

pub(super) fn agent(caller: &Caller) -> Option<String> {
    (caller.tenant.class == Class::Agent).then(|| caller.tenant.id.to_string())
}

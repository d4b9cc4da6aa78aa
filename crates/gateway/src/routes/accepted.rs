//! What is answered when jobs were accepted.

use crate::submit::Taken;
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
    /// Which agent it belongs to, if it is an agent's.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<String>,
    /// Where it stands: `queued`, unless the request is answered with a job that was there before.
    status: JobState,
    /// Its place in line, if it waits; 1 is next.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Seconds until it will have ended, as far as can be told from the jobs of late.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_seconds: Option<u64>,
    /// The seed that it is made with, drawn at random unless one was sent.
    seed: u64,
    /// The mesh had been made before: the job has succeeded already.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cached: bool,
    /// What came of a job that has succeeded already.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultRecord>,
    /// What may not be as it was meant. The job is made all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
    /// Where to follow it and fetch its result.
    links: Links,
}

impl Accepted {
    pub(super) fn of(api: ApiSurface, caller: &Caller, taken: Taken) -> Self {
        let Taken { submitted, seed, warnings, known } = taken;
        Self {
            job_id: submitted.id,
            agent_id: agent(caller),
            status: submitted.state,
            position: Some(submitted.position.position).filter(|position| *position > 0),
            eta_seconds: submitted.position.eta.map(seconds),
            seed,
            cached: submitted.outcome == SubmitOutcome::Cached,
            result: known.and_then(|record| record.result),
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
    /// Which agent it belongs to, if it is an agent's.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<String>,
    /// The ids of its jobs, in the order of the pictures.
    #[schema(value_type = Vec<String>)]
    job_ids: Vec<JobId>,
    /// How many pictures were sent.
    batch_size: usize,
    /// When the last of its jobs will have ended (RFC 3339), as far as can be told from the jobs of late.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    estimated_completion: Option<String>,
    /// What was said of each picture when it was accepted, in their order.
    jobs: Vec<Accepted>,
    /// Where the batch stands.
    #[serde(rename = "self")]
    this: String,
}

impl BatchAccepted {
    pub(super) fn of(api: ApiSurface, caller: &Caller, batch_id: BatchId, taken: Vec<Taken>) -> Self {
        let open = taken.iter().filter(|one| !one.submitted.state.is_terminal());
        let estimated_completion = estimated_completion(open.map(|one| one.submitted.position.eta));
        Self {
            batch_id,
            agent_id: agent(caller),
            job_ids: taken.iter().map(|one| one.submitted.id).collect(),
            batch_size: taken.len(),
            estimated_completion,
            jobs: taken.into_iter().map(|one| Accepted::of(api, caller, one)).collect(),
            this: batch_link(api, batch_id),
        }
    }

    pub(super) fn location(&self) -> &str {
        &self.this
    }
}

fn agent(caller: &Caller) -> Option<String> {
    (caller.tenant.class == Class::Agent).then(|| caller.tenant.id.to_string())
}

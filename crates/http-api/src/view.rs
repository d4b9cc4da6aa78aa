//! A job and its events, as clients see them.

use crate::{ApiSurface, Links};
use domain::{BatchId, Failure, JobEvent, JobId, JobRecord, JobState, Parameters, Progress, ResultRecord};
use queue::QueuePosition;
use serde::Serialize;
use std::time::{Duration, SystemTime};
use utoipa::ToSchema;

/// Where a job stands. Times are milliseconds since the Unix epoch.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    /// The job's id.
    #[schema(value_type = String, format = Uuid)]
    job_id: JobId,
    /// Where it stands.
    status: JobState,
    /// Share of it that is done, 0 to 1.
    progress: f64,
    /// What a running job is at.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    /// Denoising steps done, in stage `denoise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u32>,
    /// Denoising steps in all, in stage `denoise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    /// A queued job's place in line; 1 is next.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Seconds until it will have ended, as far as can be told from the jobs of late.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_seconds: Option<u64>,
    /// The batch that it came with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    batch_id: Option<BatchId>,
    /// Attempts begun so far.
    attempt: u32,
    /// What was asked for.
    parameters: Parameters,
    /// When it was submitted.
    submitted_ms: u64,
    /// When its first attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_ms: Option<u64>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_ms: Option<u64>,
    /// What came of it, when it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultRecord>,
    /// Why it failed, or, while it waits for another attempt, why the last one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// Where to follow it and fetch its result.
    links: Links,
}

impl JobView {
    /// What is known of a job, with its place in line if it waits, for a client of this API.
    pub fn of(api: ApiSurface, record: JobRecord, position: QueuePosition) -> Self {
        // What an earlier attempt reached is over.
        let running = record.progress.as_ref().filter(|_| record.state == JobState::Running);
        Self {
            job_id: record.job.id,
            status: record.state,
            progress: fraction(record.state, record.progress.as_ref()),
            stage: running.map(|progress| progress.stage.clone()),
            step: running.and_then(|progress| progress.step),
            steps: running.and_then(|progress| progress.steps),
            position: Some(position.position).filter(|position| *position > 0),
            eta_seconds: position.eta.map(seconds),
            batch_id: record.job.batch,
            attempt: record.attempt,
            parameters: record.job.parameters().cloned().unwrap_or_default(),
            submitted_ms: record.job.submitted_ms,
            started_ms: record.started_ms,
            finished_ms: record.finished_ms,
            result: record.result,
            failure: record.failure,
            links: Links::of(api, record.job.id),
        }
    }
}

impl JobView {
    /// Share of it that is done, 0 to 1; a job that has ended is done, whatever came of it.
    pub fn done(&self) -> f64 {
        if self.status.is_terminal() { 1.0 } else { self.progress }
    }
}

/// Whole seconds, rounded up: who is told a time should not come too early.
pub fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// When jobs that have not ended will all have (RFC 3339), from the time that each has left; `None` when that is not
/// known of all of them.
pub fn estimated_completion(mut left: impl Iterator<Item = Option<Duration>>) -> Option<String> {
    let longest = left.try_fold(Duration::ZERO, |most, left| Some(most.max(left?)))?;
    Some(humantime::format_rfc3339_seconds(SystemTime::now() + longest).to_string())
}

/// Something that happened to a job.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    /// Where it stands after it.
    status: JobState,
    /// The attempt it belongs to, from 1; 0 before the first.
    attempt: u32,
    /// When it happened, in milliseconds since the Unix epoch.
    at_ms: u64,
    /// Share of the job that is done, 0 to 1.
    progress: f64,
    /// What a running job is at.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    /// Denoising steps done, in stage `denoise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u32>,
    /// Denoising steps in all, in stage `denoise`.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    /// What came of a job that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultRecord>,
    /// Why it failed, or why this attempt did.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
}

impl EventView {
    /// The name of the kind of event.
    pub fn kind(&self) -> &'static str {
        if self.stage.is_some() { "progress" } else { "state" }
    }
}

impl From<JobEvent> for EventView {
    fn from(event: JobEvent) -> Self {
        let JobEvent { state, attempt, at_ms, progress, result, failure } = event;
        Self {
            status: state,
            attempt,
            at_ms,
            progress: fraction(state, progress.as_ref()),
            step: progress.as_ref().and_then(|progress| progress.step),
            steps: progress.as_ref().and_then(|progress| progress.steps),
            stage: progress.map(|progress| progress.stage),
            result,
            failure,
        }
    }
}

fn fraction(state: JobState, progress: Option<&Progress>) -> f64 {
    match state {
        JobState::Succeeded => 1.0,
        // A job that is queued again begins anew.
        JobState::Queued => 0.0,
        JobState::Running | JobState::Failed | JobState::Cancelled => {
            progress.map_or(0.0, |progress| progress.fraction)
        }
    }
}

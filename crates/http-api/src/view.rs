//! Jobs and their events as clients see them.

use crate::{ApiSurface, Links};
use domain::{Artifact, BatchId, Failure, JobEvent, JobId, JobState, Parameters, Progress, ResultRecord};
use queue::JobEntry;
use serde::Serialize;
use std::time::{Duration, SystemTime};
use utoipa::ToSchema;

/// A job. Times are milliseconds since the Unix epoch.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    /// The job's id.
    #[schema(value_type = String, format = Uuid)]
    job_id: JobId,
    /// Its state.
    status: JobState,
    /// Share of it that is done, 0 to 1.
    progress: f64,
    /// The stage of a running job. The names depend on the model; `GET models` lists them.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    /// Steps done, in a stage that has steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u32>,
    /// Steps in all, in a stage that has steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    /// Position of a queued job; 1 is next.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Estimated seconds until it ends, from the run times of recent jobs. Absent while nothing is known, and while no live
    /// worker can run the job.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_seconds: Option<u64>,
    /// The batch that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Uuid)]
    batch_id: Option<BatchId>,
    /// Attempts begun so far.
    attempt: u32,
    /// The kind of the job, such as `image_to_mesh`.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// The model that was asked for; absent: the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// The parameters that were asked for.
    parameters: Parameters,
    /// When it was submitted.
    #[serde(skip_serializing_if = "Option::is_none")]
    submitted_ms: Option<u64>,
    /// When its first attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    started_ms: Option<u64>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_ms: Option<u64>,
    /// The files of a job that succeeded, with their addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    artifacts: Vec<ArtifactView>,
    /// The result of a job that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultRecord>,
    /// Why it failed, or, while it waits for another attempt, why the last one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Failure>,
    /// What keeps the job from going on, or from being shown whole.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<JobWarning>,
    /// Addresses of the job.
    links: Links,
}

/// A file of a job and its address.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArtifactView {
    /// The file.
    #[serde(flatten)]
    artifact: Artifact,
    /// Its address, relative to the server.
    url: String,
}

/// Something that a job's owner should know.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobWarning {
    /// The kind, for programs: `no_worker` or `job_unreadable`.
    #[schema(example = "no_worker")]
    code: &'static str,
    /// The same for people.
    detail: &'static str,
}

const NO_WORKER: JobWarning =
    JobWarning { code: "no_worker", detail: "No live worker can run this job; it waits until one starts." };

const UNREADABLE: JobWarning = JobWarning {
    code: "job_unreadable",
    detail: "This server cannot read the record of the job, which may be of a newer version; only its state is shown.",
};

impl JobView {
    /// A job with its position in the queue, for a client of this surface. Of one that cannot be read, it has the state.
    pub fn of(api: ApiSurface, entry: JobEntry) -> Self {
        let JobEntry { id, state, position, record } = entry;
        let mut warnings = if position.no_worker { vec![NO_WORKER] } else { Vec::new() };
        if let Err(job) = &record {
            tracing::warn!(job.id = %id, reason = job.reason, "the record of a job cannot be read");
            warnings.push(UNREADABLE);
        }
        let record = record.ok();
        let (record, job) = (record.as_ref(), record.as_ref().map(|record| &record.job));
        let progress = record.and_then(|record| record.progress.as_ref());
        // The progress of an earlier attempt is void.
        let running = progress.filter(|_| state == JobState::Running);
        let result = record.and_then(|record| record.result.clone());
        let links = Links::of(api, id);
        Self {
            job_id: id,
            status: state,
            progress: fraction(state, progress),
            stage: running.map(|progress| progress.stage.clone()),
            step: running.and_then(|progress| progress.step),
            steps: running.and_then(|progress| progress.steps),
            position: Some(position.position).filter(|position| *position > 0),
            eta_seconds: position.eta.filter(|_| !position.no_worker).map(seconds),
            batch_id: job.and_then(|job| job.batch),
            attempt: record.map_or(0, |record| record.attempt),
            kind: job.map(|job| job.spec.kind().to_owned()),
            model: job.and_then(|job| job.spec.image_to_mesh()?.model.clone()),
            parameters: job.and_then(|job| job.parameters().cloned()).unwrap_or_default(),
            submitted_ms: job.map(|job| job.submitted_ms),
            started_ms: record.and_then(|record| record.started_ms),
            finished_ms: record.and_then(|record| record.finished_ms),
            artifacts: result.iter().flat_map(|result| &result.artifacts).map(|file| links.artifact(file)).collect(),
            result,
            failure: record.and_then(|record| record.failure.clone()),
            warnings,
            links,
        }
    }

    /// Share of it that is done, 0 to 1; a job that has ended counts as done, whatever its result.
    pub fn done(&self) -> f64 {
        if self.status.is_terminal() { 1.0 } else { self.progress }
    }
}

impl Links {
    fn artifact(&self, artifact: &Artifact) -> ArtifactView {
        ArtifactView { url: format!("{}/artifacts/{}", self.this, artifact.role), artifact: artifact.clone() }
    }
}

/// Whole seconds, rounded up: a client that waits this long is not too early.
pub fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// The time at which all of some open jobs will have ended (RFC 3339), from the time that each has left; `None` if that of
/// one is unknown.
pub fn estimated_completion(mut left: impl Iterator<Item = Option<Duration>>) -> Option<String> {
    let longest = left.try_fold(Duration::ZERO, |most, left| Some(most.max(left?)))?;
    Some(humantime::format_rfc3339_seconds(SystemTime::now() + longest).to_string())
}

/// Something that happened to a job.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    /// The state after the event.
    status: JobState,
    /// The attempt it belongs to, from 1; 0 before the first.
    attempt: u32,
    /// When it happened, in milliseconds since the Unix epoch.
    at_ms: u64,
    /// Share of the job that is done, 0 to 1.
    progress: f64,
    /// The stage of a running job.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    /// Steps done, in a stage that has steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<u32>,
    /// Steps in all, in a stage that has steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    steps: Option<u32>,
    /// The result of a job that succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultRecord>,
    /// Why the job or this attempt failed.
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
        // A job that is queued again starts from the beginning.
        JobState::Queued => 0.0,
        JobState::Running | JobState::Failed | JobState::Cancelled => {
            progress.map_or(0.0, |progress| progress.fraction)
        }
    }
}

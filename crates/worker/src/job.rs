//! One attempt at a job, from its lease to its end.

use crate::context::WorkerContext;
use crate::metrics::{self, JobHeld, Outcome};
use crate::progress::ProgressTracker;
use crate::renewal::renew_lease;
use crate::{failure, image_to_mesh};
use domain::{Artifact, Failure, FailureCode, JobSpec, JobState, ResultRecord, StageInfo};
use queue::Lease;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

/// How an attempt ended.
pub(crate) enum Ending {
    /// The job is done.
    Succeeded(Box<ResultRecord>),
    /// The attempt failed.
    Failed(Failure),
    /// Its owner cancelled the job.
    Cancelled,
    /// The lease is lost: another worker holds the job or will lease it.
    Lost,
    /// This worker is stopping.
    Released,
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// An attempt, as the implementation of its kind of job sees it.
pub(crate) struct Attempt {
    pub(crate) context: Arc<WorkerContext>,
    /// The job's share of the engines; given up as soon as the engine has finished.
    pub(crate) slot: OwnedSemaphorePermit,
    /// Cancelled when the result is no longer wanted.
    pub(crate) cancelled: CancellationToken,
    /// Whether the job has no attempt after this one.
    pub(crate) is_last: bool,
    /// Seconds between the submission of the job and this attempt.
    pub(crate) queued_seconds: f64,
}

/// Runs a leased job and reports how it ended.
///
/// An outage of Redis does not end the attempt: it goes on, and its end is reported when Redis is back.
pub(crate) async fn run_job(context: Arc<WorkerContext>, lease: Lease, slot: OwnedSemaphorePermit) {
    let job = lease.job();
    let span =
        tracing::info_span!("job", job.id = %job.id, job.attempt = lease.attempt(), outcome = tracing::field::Empty);
    if let Some(traceparent) = &job.traceparent {
        telemetry::set_parent(&span, traceparent);
    }
    async move {
        let _held = JobHeld::new();
        let queued = Duration::from_millis(now_ms().saturating_sub(lease.job().submitted_ms));
        if lease.attempt() == 1 {
            metrics::dispatched(queued);
        }
        let ending = work(&context, &lease, slot, queued.as_secs_f64()).await;
        let outcome = report(lease, ending).await;
        metrics::finished(outcome);
        Span::current().record("outcome", tracing::field::debug(outcome));
    }
    .instrument(span)
    .await;
}

/// Runs the job until it ends or the attempt is abandoned.
async fn work(context: &Arc<WorkerContext>, lease: &Lease, slot: OwnedSemaphorePermit, queued_seconds: f64) -> Ending {
    // Cancelled when this function returns, however it does: the engine then drops the row.
    let cancelled = CancellationToken::new();
    let _guard = cancelled.clone().drop_guard();
    let attempt = Attempt {
        context: Arc::clone(context),
        slot,
        cancelled,
        is_last: is_last_attempt(lease.attempt(), context.lease.max_attempts),
        queued_seconds,
    };
    let spec = lease.spec().clone();
    let steps = 1 + lease.job().next.len();
    let (tracker, progress) = ProgressTracker::new(stages(context, &spec), lease.step(), steps);
    tokio::select! {
        biased;
        ending = run_kind(attempt, spec, Arc::new(tracker)) => ending.unwrap_or_else(|ending| ending),
        ending = renew_lease(lease, context.lease.renew_every(), progress) => ending,
        () = lease.cancel_requested() => Ending::Cancelled,
        () = context.abort.cancelled() => Ending::Released,
    }
}

/// The stages of a kind of job. A new kind has one arm here and one in [`run_kind`].
fn stages(context: &WorkerContext, spec: &JobSpec) -> Vec<StageInfo> {
    match spec {
        JobSpec::ImageToMesh(spec) => image_to_mesh::stages(context, spec),
        JobSpec::Unsupported => Vec::new(),
    }
}

/// Runs the implementation of a kind of job.
async fn run_kind(attempt: Attempt, spec: JobSpec, tracker: Arc<ProgressTracker>) -> Result<Ending, Ending> {
    match spec {
        JobSpec::ImageToMesh(spec) => image_to_mesh::run(attempt, spec, tracker).await.map(Ending::Succeeded),
        JobSpec::Unsupported => Err(FailureCode::UnsupportedJob.failure().into()),
    }
}

/// Whether this is the last of several attempts; a single attempt does not count as one.
fn is_last_attempt(attempt: u32, max_attempts: u32) -> bool {
    max_attempts > 1 && attempt >= max_attempts
}

/// Reports the end of an attempt to the queue: if the job has a next step, it is handed over. While Redis cannot be
/// reached, the report is tried again.
async fn report(lease: Lease, ending: Ending) -> Outcome {
    let (id, attempt, submitted_ms) = (lease.job().id, lease.attempt(), lease.job().submitted_ms);
    let next = lease.next_spec().map(|next| next.needs(0));
    let reported = match (ending, next) {
        (Ending::Succeeded(result), Some(needs)) => {
            let artifacts = merged(lease.artifacts(), result.artifacts);
            tracing::info!(job.id = %id, attempt, lane = needs.lane(), "handed over to the next step");
            lease.hand_over(&artifacts, &needs).await.map(|_| Outcome::HandedOver)
        }
        (Ending::Succeeded(mut result), None) => {
            result.artifacts = merged(lease.artifacts(), result.artifacts);
            lease.succeed(&result).await.map(|()| {
                let total = Duration::from_millis(now_ms().saturating_sub(submitted_ms));
                metrics::succeeded(&result, total);
                tracing::info!(job.id = %id, attempt, total_seconds = total.as_secs_f64(), "succeeded");
                Outcome::Succeeded
            })
        }
        (Ending::Failed(failure), _) => lease.fail(&failure).await.map(|state| {
            tracing::info!(job.id = %id, attempt, code = failure.code, state = state.as_str(), "failed");
            match state {
                JobState::Queued => Outcome::Retried,
                JobState::Cancelled => Outcome::Cancelled,
                JobState::Running | JobState::Succeeded | JobState::Failed => Outcome::Failed,
            }
        }),
        (Ending::Cancelled, _) => lease.cancelled().await.map(|()| Outcome::Cancelled),
        (Ending::Released, _) => lease.release().await.map(|()| Outcome::Released),
        (Ending::Lost, _) => Ok(Outcome::Lost),
    };
    let outcome = reported.unwrap_or_else(|error| {
        tracing::warn!(job.id = %id, attempt, error = failure::chain(&error), "the end of an attempt was not accepted");
        Outcome::Lost
    });
    if outcome == Outcome::Lost {
        metrics::lost();
    }
    outcome
}

/// The artifacts of earlier steps and of the last one, which may replace some.
fn merged(earlier: &[Artifact], last: Vec<Artifact>) -> Vec<Artifact> {
    let is_kept = |artifact: &&Artifact| last.iter().all(|other| other.role != artifact.role);
    earlier.iter().filter(is_kept).cloned().chain(last.iter().cloned()).collect()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_of_several_attempts_counts_as_the_last() {
        assert!(!is_last_attempt(1, 1) && !is_last_attempt(2, 3));
        assert!(is_last_attempt(3, 3) && is_last_attempt(4, 3));
    }
}

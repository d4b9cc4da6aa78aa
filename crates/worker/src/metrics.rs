//! The metrics of the worker, under the names in `telemetry`.

use crate::plan::StopReason;
use domain::ResultRecord;
use model::Model;
use std::time::Duration;
use telemetry::names;

/// A model is loaded: on which device, in which dtype, in what time.
pub(crate) fn loaded(model: &dyn Model, took: Duration) {
    let labels = [
        ("model", model.info().name.clone()),
        ("device", model.device().to_owned()),
        ("dtype", model.dtype().to_owned()),
    ];
    metrics::gauge!(names::MODEL_LOAD_SECONDS, &labels).set(took.as_secs_f64());
}

/// The planner let `admitted` jobs join and stopped for `reason`.
pub(crate) fn planned(admitted: usize, reason: StopReason) {
    if admitted > 0 || reason != StopReason::NothingWaiting {
        metrics::counter!(names::BATCH_STOPS, "reason" => reason.as_str()).increment(1);
    }
}

/// `rows` rows took one step together.
pub(crate) fn stepped(rows: usize, took: Duration) {
    metrics::histogram!(names::BATCH_SIZE).record(rows as f64);
    metrics::histogram!(names::STEP_SECONDS).record(took.as_secs_f64());
}

/// A call of a model failed, by the label of the error.
pub(crate) fn model_error(kind: &'static str) {
    metrics::counter!(names::DEVICE_FAULTS, "kind" => kind).increment(1);
}

/// A job was leased for the first time, `queued` after it was submitted.
pub(crate) fn dispatched(queued: Duration) {
    metrics::histogram!(names::QUEUE_WAIT_SECONDS).record(queued.as_secs_f64());
}

/// A lease was found lost.
pub(crate) fn lost() {
    metrics::counter!(names::LEASE_LOST).increment(1);
}

/// How an attempt ended, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    HandedOver,
    Failed,
    Retried,
    Cancelled,
    Released,
    Lost,
}

/// An attempt ended.
pub(crate) fn finished(outcome: Outcome) {
    let label = match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::HandedOver => "handed_over",
        Outcome::Failed => "failed",
        Outcome::Retried => "retried",
        Outcome::Cancelled => "cancelled",
        Outcome::Released => "released",
        Outcome::Lost => "lost",
    };
    metrics::counter!(names::JOBS_FINISHED, "outcome" => label).increment(1);
}

/// A job succeeded, `total` after it was submitted.
pub(crate) fn succeeded(result: &ResultRecord, total: Duration) {
    for timing in result.timings.iter().filter(|timing| timing.stage != "queue") {
        metrics::histogram!(names::STAGE_SECONDS, "stage" => timing.stage.clone()).record(timing.seconds);
    }
    metrics::histogram!(names::JOB_SECONDS).record(total.as_secs_f64());
}

/// Counts a job that this worker holds, until it is dropped.
pub(crate) struct JobHeld(());

impl JobHeld {
    pub(crate) fn new() -> Self {
        metrics::gauge!(names::JOBS_HELD).increment(1);
        Self(())
    }
}

impl Drop for JobHeld {
    fn drop(&mut self) {
        metrics::gauge!(names::JOBS_HELD).decrement(1);
    }
}

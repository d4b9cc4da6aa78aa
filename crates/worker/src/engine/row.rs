//! One job inside the engine.

use super::{Decoded, Event, Task};
use crate::plan::Exclusivity;
use domain::{Failure, Progress, StageTiming};
use model::{Cost, Field, Prepared};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The receiver of the events of a task, and its cancellation.
pub(super) struct Listener {
    cancelled: CancellationToken,
    events: mpsc::UnboundedSender<Event>,
    pub(super) span: tracing::Span,
}

impl Listener {
    /// The result is no longer wanted.
    pub(super) fn is_gone(&self) -> bool {
        self.cancelled.is_cancelled() || self.events.is_closed()
    }

    pub(super) fn send(&self, event: Event) {
        // A closed channel is noticed before the next step.
        let _ = self.events.send(event);
    }
}

/// The parts of a task that do not change inside the engine.
pub(super) struct Job {
    pub(super) octree_resolution: u32,
    pub(super) cost: Cost,
    pub(super) exclusivity: Exclusivity,
    pub(super) listener: Listener,
}

impl Job {
    /// Separates a task from its input.
    pub(super) fn from_task(task: Task) -> (Prepared, Self) {
        let Task { input, octree_resolution, cost, exclusivity, cancelled, events, span } = task;
        (input, Self { octree_resolution, cost, exclusivity, listener: Listener { cancelled, events, span } })
    }

    /// A stage begins.
    pub(super) fn enter(&self, stage: &str) {
        self.listener.send(Event::Progress(Progress::stage(stage)));
    }

    pub(super) fn fail(self, failure: Failure) {
        self.listener.send(Event::Failed(failure));
    }
}

/// A row of the running batch, or one that has taken all steps and waits to be decoded.
pub(super) struct Row {
    pub(super) state: Box<dyn model::Row>,
    pub(super) job: Job,
    timings: Vec<StageTiming>,
    batch_size: u32,
    joined: Instant,
}

impl Row {
    /// A row that was encoded in `encode`.
    pub(super) fn new(state: Box<dyn model::Row>, job: Job, encode: Duration) -> Self {
        let timings = vec![StageTiming::new("encode", encode.as_secs_f64())];
        let row = Self { state, job, timings, batch_size: 1, joined: Instant::now() };
        row.report_step();
        row
    }

    /// A step is done, in a batch of `batch_size` rows. Rows wait for each other between steps, and that counts too.
    pub(super) fn stepped(&mut self, stage: &'static str, batch_size: usize) {
        self.batch_size = self.batch_size.max(u32::try_from(batch_size).unwrap_or(u32::MAX));
        let now = Instant::now();
        let seconds = (now - std::mem::replace(&mut self.joined, now)).as_secs_f64();
        match self.timings.iter_mut().find(|timing| timing.stage == stage) {
            Some(timing) => timing.seconds += seconds,
            None => self.timings.push(StageTiming::new(stage, seconds)),
        }
        self.report_step();
    }

    fn report_step(&self) {
        let progress = Progress::steps(self.state.stage(), self.state.step(), self.state.steps());
        self.job.listener.send(Event::Progress(progress));
    }

    /// The field is decoded.
    pub(super) fn decoded(mut self, field: Field, decode: Duration) {
        self.timings.push(StageTiming::new("decode", decode.as_secs_f64()));
        let decoded = Decoded { field, timings: self.timings, batch_size: self.batch_size };
        self.job.listener.send(Event::Decoded(Box::new(decoded)));
    }
}

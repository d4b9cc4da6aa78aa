//! One job inside the engine.

use super::{Decoded, Event, StageSeconds, Task};
use crate::plan::Company;
use domain::{Failure, Progress};
use hunyuan3d::{DecodeOptions, Field, Sample};
use std::time::Instant;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Whom the engine tells of a job, and whether anybody still listens.
pub(super) struct Listener {
    cancelled: CancellationToken,
    events: mpsc::UnboundedSender<Event>,
    pub(super) span: tracing::Span,
}

impl Listener {
    /// Nobody wants the result any more.
    pub(super) fn is_gone(&self) -> bool {
        self.cancelled.is_cancelled() || self.events.is_closed()
    }

    pub(super) fn progress(&self, progress: Progress) {
        // A listener that left meanwhile is noticed at the next step boundary.
        let _ = self.events.send(Event::Progress(progress));
    }

    pub(super) fn fail(self, failure: Failure) {
        let _ = self.events.send(Event::Failed(failure));
    }
}

/// A row of the running batch, or one that is done and waits to be decoded.
pub(super) struct Row {
    pub(super) sample: Sample,
    pub(super) decode: DecodeOptions,
    pub(super) company: Company,
    pub(super) listener: Listener,
    seconds: StageSeconds,
    batch_size: u32,
    joined: Instant,
}

impl Row {
    pub(super) fn new(sample: Sample, waiting: Begun, seconds: StageSeconds) -> Self {
        let Begun { decode, company, listener, .. } = waiting;
        listener.progress(Progress::steps("denoise", 0, sample.steps()));
        Self { sample, decode, company, listener, seconds, batch_size: 1, joined: Instant::now() }
    }

    /// A step is done, in a batch of `batch_size` rows.
    pub(super) fn stepped(&mut self, batch_size: usize) {
        self.batch_size = self.batch_size.max(u32::try_from(batch_size).unwrap_or(u32::MAX));
        self.seconds.denoise = self.joined.elapsed().as_secs_f64();
        self.listener.progress(Progress::steps("denoise", self.sample.step(), self.sample.steps()));
    }

    /// The field is there; it took `seconds`.
    pub(super) fn decoded(mut self, field: Field, seconds: f64) {
        self.seconds.decode = seconds;
        let decoded = Decoded { field, seconds: self.seconds, batch_size: self.batch_size };
        let _ = self.listener.events.send(Event::Decoded(Box::new(decoded)));
    }
}

/// A task that is being begun: what is left of it beside the picture.
pub(super) struct Begun {
    pub(super) request: hunyuan3d::SampleRequest,
    decode: DecodeOptions,
    company: Company,
    pub(super) listener: Listener,
}

impl Begun {
    /// Parts a task from its picture.
    pub(super) fn from_task(task: Task) -> (hunyuan3d::Picture, Self) {
        let Task { picture, request, decode, company, cancelled, events, span } = task;
        let listener = Listener { cancelled, events, span };
        (picture, Self { request, decode, company, listener })
    }

    /// Tells the listener that a stage begins.
    pub(super) fn enter(&self, stage: &str) {
        self.listener.progress(Progress::stage(stage));
    }
}

//! The running batch and the loop that drives it.

use super::guard::Trouble;
use super::row::{Begun, Listener, Row};
use super::{BatchOptions, Event, Shared, StageSeconds, Task};
use crate::limit::Limit;
use crate::plan::{Company, plan};
use crate::readings;
use hunyuan3d::{Conditioning, ImageTo3d, Processed, Sample};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// The engine's state, owned by its thread.
pub(super) struct Batch {
    model: Box<dyn ImageTo3d>,
    options: BatchOptions,
    limit: Limit,
    inbox: mpsc::Receiver<Task>,
    shared: Arc<Shared>,
    runtime: Handle,
    /// Came in, not begun.
    waiting: VecDeque<Task>,
    /// Take the next step.
    running: Vec<Row>,
    /// All steps done, not decoded.
    finished: VecDeque<Row>,
}

/// The thread ends: nothing more will come, or the device is broken.
struct End;

impl Batch {
    pub(super) fn new(
        model: Box<dyn ImageTo3d>,
        options: BatchOptions,
        inbox: mpsc::Receiver<Task>,
        shared: Arc<Shared>,
        runtime: Handle,
    ) -> Self {
        let limit = Limit::new(if options.dynamic { options.least } else { options.most }, options.most);
        let (waiting, running, finished) = Default::default();
        Self { model, options, limit, inbox, shared, runtime, waiting, running, finished }
    }

    /// The engine's whole life. Each round:
    ///
    /// 1. take in what has come (and sleep when there is nothing to do),
    /// 2. let go of what nobody wants any more,
    /// 3. let waiting jobs join, as one batch through the image encoder,
    /// 4. take one step with all rows,
    /// 5. decode one row that is done: one only, so that a pile of decoding does not keep the others from stepping.
    pub(super) fn run(mut self) {
        while let Ok(()) = self.gather() {
            self.let_go();
            let round = self.join().and_then(|()| self.step()).and_then(|()| self.decode_one());
            if round.is_err() {
                break;
            }
        }
        self.inbox.close();
        while let Some(task) = self.inbox.blocking_recv() {
            self.waiting.push_back(task);
        }
        self.hand_back_waiting();
    }

    /// Takes in what has come. Sleeps when there is nothing to do; an end when there never will be.
    fn gather(&mut self) -> Result<(), End> {
        let idle = self.waiting.is_empty() && self.running.is_empty() && self.finished.is_empty();
        if idle {
            let (inbox, stopping) = (&mut self.inbox, &self.shared.stopping);
            let first = self.runtime.block_on(async {
                tokio::select! {
                    task = inbox.recv() => task,
                    () = stopping.cancelled() => None,
                }
            });
            self.waiting.push_back(first.ok_or(End)?);
            self.fill();
        }
        while let Ok(task) = self.inbox.try_recv() {
            self.waiting.push_back(task);
        }
        if self.shared.stopping.is_cancelled() {
            self.hand_back_waiting();
        }
        Ok(())
    }

    /// An idle engine may wait for its batch to fill, if it was told to.
    fn fill(&mut self) {
        if self.options.fill.is_zero() {
            return;
        }
        let (inbox, waiting, stopping) = (&mut self.inbox, &mut self.waiting, &self.shared.stopping);
        let rows = self.limit.rows();
        let filled = async {
            while waiting.len() < rows {
                tokio::select! {
                    Some(task) = inbox.recv() => waiting.push_back(task),
                    () = stopping.cancelled() => return,
                    else => return,
                }
            }
        };
        // Running out of time is the usual way for this to end.
        let _ = self.runtime.block_on(async { tokio::time::timeout(self.options.fill, filled).await });
    }

    /// Drops every row that nobody wants any more.
    fn let_go(&mut self) {
        self.waiting.retain(|task| !task.cancelled.is_cancelled() && !task.events.is_closed());
        self.running.retain(|row| !row.listener.is_gone());
        self.finished.retain(|row| !row.listener.is_gone());
    }

    fn hand_back_waiting(&mut self) {
        for task in self.waiting.drain(..) {
            let _ = task.events.send(Event::HandedBack);
        }
    }

    /// Lets waiting jobs join the batch.
    fn join(&mut self) -> Result<(), End> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let waiting: Vec<Company> = self.waiting.iter().map(|task| task.company).collect();
        let running: Vec<Company> = self.running.iter().map(|row| row.company).collect();
        let (admitted, reason) = plan(&waiting, &running, self.limit.rows());
        readings::planned(admitted, reason);
        let joining: Vec<Task> = self.waiting.drain(..admitted).collect();
        let prepared = self.preprocess(joining)?;
        self.encode(prepared)
    }

    /// Pictures to tensors, one by one: a bad picture fails its own job only.
    fn preprocess(&mut self, joining: Vec<Task>) -> Result<Vec<(Processed, Begun, StageSeconds)>, End> {
        let mut prepared = Vec::with_capacity(joining.len());
        let mut joining = joining.into_iter();
        while let Some(task) = joining.next() {
            let (picture, begun) = Begun::from_task(task);
            begun.enter("preprocess");
            let start = Instant::now();
            let (model, shared) = (&self.model, &self.shared);
            let outcome = begun.listener.span.in_scope(|| {
                let _span = tracing::info_span!("preprocess").entered();
                shared.call(|| model.preprocess(&picture))
            });
            let seconds = StageSeconds { preprocess: start.elapsed().as_secs_f64(), ..StageSeconds::default() };
            match outcome {
                Ok(processed) => prepared.push((processed, begun, seconds)),
                Err(trouble) => {
                    self.fail("preprocess", trouble, vec![begun.listener]).inspect_err(|End| {
                        self.waiting.extend(joining.by_ref());
                    })?;
                }
            }
        }
        Ok(prepared)
    }

    /// One batch through the image encoder; then each row gets its noise.
    fn encode(&mut self, prepared: Vec<(Processed, Begun, StageSeconds)>) -> Result<(), End> {
        if prepared.is_empty() {
            return Ok(());
        }
        let start = Instant::now();
        let (pictures, mut begun): (Vec<Processed>, Vec<(Begun, StageSeconds)>) =
            prepared.into_iter().map(|(picture, begun, seconds)| (picture, (begun, seconds))).unzip();
        begun.iter().for_each(|(begun, _)| begun.enter("encode"));
        let span = tracing::info_span!("encode", batch.size = begun.len());
        link(&span, begun.iter().map(|(begun, _)| &begun.listener.span));
        let outcome = {
            let _span = span.entered();
            self.shared.call(|| {
                let conditionings = self.model.encode(&pictures)?;
                let rows = conditionings.into_iter().zip(&begun);
                rows.map(|(conditioning, (begun, _))| self.begin(conditioning, begun)).collect::<Result<Vec<_>, _>>()
            })
        };
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(samples) => {
                for (sample, (begun, mut stages)) in samples.into_iter().zip(begun.drain(..)) {
                    stages.encode = seconds;
                    self.running.push(Row::new(sample, begun, stages));
                }
                Ok(())
            }
            Err(trouble) => self.fail("encode", trouble, begun.into_iter().map(|(begun, _)| begun.listener).collect()),
        }
    }

    fn begin(&self, conditioning: Conditioning, begun: &Begun) -> Result<Sample, hunyuan3d::Error> {
        self.model.start(conditioning, &begun.request)
    }

    /// One denoising step for every row. Rows whose last step this was leave the batch.
    fn step(&mut self) -> Result<(), End> {
        let size = self.running.len();
        if size == 0 {
            return Ok(());
        }
        let start = Instant::now();
        let span = tracing::debug_span!("step", batch.size = size);
        link(&span, self.running.iter().map(|row| &row.listener.span));
        let outcome = {
            let _span = span.entered();
            let mut rows: Vec<&mut Sample> = self.running.iter_mut().map(|row| &mut row.sample).collect();
            self.shared.call(|| self.model.step(&mut rows))
        };
        if let Err(trouble) = outcome {
            let rows = std::mem::take(&mut self.running);
            return self.fail("denoise", trouble, rows.into_iter().map(|row| row.listener).collect());
        }
        readings::stepped(size, start.elapsed());
        self.limit.stepped(size);
        self.running.iter_mut().for_each(|row| row.stepped(size));
        let (finished, running): (Vec<Row>, Vec<Row>) =
            std::mem::take(&mut self.running).into_iter().partition(|row| row.sample.is_done());
        self.running = running;
        self.finished.extend(finished);
        Ok(())
    }

    /// Decodes the row that has been done the longest.
    fn decode_one(&mut self) -> Result<(), End> {
        let Some(row) = self.finished.pop_front() else { return Ok(()) };
        row.listener.progress(domain::Progress::stage("decode"));
        let start = Instant::now();
        let outcome = row.listener.span.in_scope(|| {
            let _span = tracing::info_span!("decode").entered();
            self.shared.call(|| self.model.decode(&[&row.sample], &row.decode))
        });
        match outcome.and_then(|fields| fields.into_iter().next().ok_or_else(Trouble::no_field)) {
            Ok(field) => {
                row.decoded(field, start.elapsed().as_secs_f64());
                Ok(())
            }
            Err(trouble) => self.fail("decode", trouble, vec![row.listener]),
        }
    }

    /// Tells the listeners; an end when the device is broken, and then everybody is told.
    fn fail(&mut self, stage: &'static str, trouble: Trouble, mut listeners: Vec<Listener>) -> Result<(), End> {
        readings::device_trouble(&trouble);
        let is_fault = match &trouble {
            Trouble::Refused(_) => false,
            Trouble::OutOfMemory(message) => {
                if self.options.dynamic {
                    self.limit.out_of_memory();
                }
                tracing::warn!(?stage, rows = listeners.len(), limit = self.limit.rows(), message, "out of memory");
                false
            }
            Trouble::Panicked(message) => {
                tracing::error!(?stage, rows = listeners.len(), message, "the model panicked");
                false
            }
            Trouble::Fault(message) => {
                tracing::error!(?stage, rows = listeners.len(), message, "the device is broken");
                true
            }
        };
        if is_fault {
            // Before anybody hears of a failure, so that nobody hands a new task to a broken device.
            self.shared.fault.cancel();
            listeners.extend(self.running.drain(..).map(|row| row.listener));
            listeners.extend(self.finished.drain(..).map(|row| row.listener));
        }
        let failure = trouble.failure(stage);
        listeners.into_iter().for_each(|listener| listener.fail(failure.clone()));
        if is_fault { Err(End) } else { Ok(()) }
    }
}

/// A span of a batch belongs to all of its jobs: it has no one parent, it follows from each of them.
fn link<'a>(batch: &tracing::Span, jobs: impl Iterator<Item = &'a tracing::Span>) {
    jobs.for_each(|job| {
        batch.follows_from(job);
    });
}

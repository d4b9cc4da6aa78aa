//! The running batch and the loop of the engine's thread.

use super::error::{EngineError, caught};
use super::health::{Health, Pace};
use super::row::{Job, Row};
use super::{BatchOptions, Event, Task};
use crate::limit::Limit;
use crate::metrics;
use crate::plan::{Exclusivity, plan};
use model::{Model, Prepared};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// The state of the engine, owned by its thread.
pub(super) struct Batch {
    model: Box<dyn Model>,
    options: BatchOptions,
    limit: Limit,
    inbox: mpsc::Receiver<Task>,
    health: Arc<Health>,
    runtime: Handle,
    paces: Paces,
    /// Tasks that were received and have not begun.
    waiting: VecDeque<Task>,
    /// Rows that take the next step.
    running: Vec<Row>,
    /// Rows that have taken all steps and wait to be decoded.
    finished: VecDeque<Row>,
}

#[derive(Default)]
struct Paces {
    encode: Pace,
    step: Pace,
    decode: Pace,
}

/// The thread ends: its channel is closed, or the device is unusable.
struct End;

impl Batch {
    pub(super) fn new(
        model: Box<dyn Model>,
        options: BatchOptions,
        inbox: mpsc::Receiver<Task>,
        health: Arc<Health>,
        runtime: Handle,
    ) -> Self {
        let limit = Limit::new(if options.dynamic { options.least } else { options.most }, options.most);
        let (paces, waiting, running, finished) = Default::default();
        Self { model, options, limit, inbox, health, runtime, paces, waiting, running, finished }
    }

    /// The loop of the thread. Each round:
    ///
    /// 1. receive tasks (and sleep while there is nothing to do),
    /// 2. drop rows that are no longer wanted,
    /// 3. let waiting tasks join, as one batch through the encoder,
    /// 4. take one step with all rows,
    /// 5. decode one row that is done: one only, so that the others go on stepping between decodings.
    pub(super) fn run(mut self) {
        while let Ok(()) = self.receive() {
            self.drop_unwanted();
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

    /// Receives tasks; sleeps while there is nothing to do.
    fn receive(&mut self) -> Result<(), End> {
        let idle = self.waiting.is_empty() && self.running.is_empty() && self.finished.is_empty();
        if idle {
            let (inbox, stopping) = (&mut self.inbox, &self.health.stopping);
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
        if self.health.stopping.is_cancelled() {
            self.hand_back_waiting();
        }
        Ok(())
    }

    /// Waits for the batch to fill, for as long as the options say.
    fn fill(&mut self) {
        if self.options.fill.is_zero() {
            return;
        }
        let (inbox, waiting, stopping) = (&mut self.inbox, &mut self.waiting, &self.health.stopping);
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
        // The batch starts with the tasks received so far.
        let _ = self.runtime.block_on(async { tokio::time::timeout(self.options.fill, filled).await });
    }

    fn drop_unwanted(&mut self) {
        self.waiting.retain(|task| !task.cancelled.is_cancelled() && !task.events.is_closed());
        self.running.retain(|row| !row.job.listener.is_gone());
        self.finished.retain(|row| !row.job.listener.is_gone());
    }

    fn hand_back_waiting(&mut self) {
        for task in self.waiting.drain(..) {
            let _ = task.events.send(Event::HandedBack);
        }
    }

    /// Lets waiting tasks join the batch.
    fn join(&mut self) -> Result<(), End> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let waiting: Vec<Exclusivity> = self.waiting.iter().map(|task| task.exclusivity).collect();
        // A row that must be decoded alone excludes other rows, as an exclusive job does.
        let exclusive = self.finished.iter().filter(|row| row.job.exclusivity == Exclusivity::Exclusive);
        let running: Vec<Exclusivity> = self.running.iter().chain(exclusive).map(|row| row.job.exclusivity).collect();
        let (admitted, reason) = plan(&waiting, &running, self.limit.rows());
        metrics::planned(admitted, reason);
        if admitted == 0 {
            return Ok(());
        }
        let joining: Vec<(Prepared, Job)> = self.waiting.drain(..admitted).map(Job::from_task).collect();
        joining.iter().for_each(|(_, job)| job.enter("encode"));
        self.encode(joining)
    }

    /// Encodes inputs in one batch. If that fails, the halves are encoded one after the other, down to the inputs that
    /// fail alone: only those fail.
    fn encode(&mut self, joining: Vec<(Prepared, Job)>) -> Result<(), End> {
        let mut groups = vec![joining];
        while let Some(mut group) = groups.pop() {
            let start = Instant::now();
            let span = tracing::info_span!("encode", batch.size = group.len());
            link(&span, group.iter().map(|(_, job)| &job.listener.span));
            let flops = group.iter().map(|(_, job)| job.cost.encode.flops).sum();
            let allowed = self.paces.encode.allowed(flops, self.options.stall);
            let inputs: Vec<&Prepared> = group.iter().map(|(input, _)| input).collect();
            let outcome =
                span.in_scope(|| self.health.watched("encode", allowed, || caught(|| self.model.encode(&inputs))));
            match outcome {
                Ok(states) => {
                    let took = start.elapsed();
                    self.paces.encode.done(flops, took);
                    let rows = states.into_iter().zip(group).map(|(state, (_, job))| Row::new(state, job, took));
                    self.running.extend(rows);
                }
                Err(error) => {
                    self.note("encode", &error, group.len());
                    if error.is_device_fault() {
                        let jobs = groups.into_iter().flatten().chain(group).map(|(_, job)| job);
                        return self.device_fault(&error, jobs.collect());
                    }
                    if group.len() == 1 {
                        group.into_iter().for_each(|(_, job)| job.fail(error.failure()));
                    } else {
                        groups.push(group.split_off(group.len() / 2));
                        groups.push(group);
                    }
                }
            }
        }
        Ok(())
    }

    /// One denoising step for every row. Rows whose last step this was leave the batch.
    ///
    /// If the step of a group of rows fails, its halves take it one after the other, down to the rows that fail alone:
    /// only those fail. When memory was short, later batches are smaller.
    fn step(&mut self) -> Result<(), End> {
        let mut left = std::mem::take(&mut self.running);
        let mut groups = Vec::new();
        while !left.is_empty() {
            groups.push(left.split_off(left.len().saturating_sub(self.limit.rows())));
        }
        while let Some(mut group) = groups.pop() {
            let start = Instant::now();
            let size = group.len();
            let span = tracing::debug_span!("step", batch.size = size);
            link(&span, group.iter().map(|row| &row.job.listener.span));
            let flops = group.iter().map(|row| row.job.cost.step.flops).sum();
            let allowed = self.paces.step.allowed(flops, self.options.stall);
            let stages: Vec<&'static str> = group.iter().map(|row| row.state.stage()).collect();
            let outcome = span.in_scope(|| {
                let mut rows: Vec<&mut dyn model::Row> = group.iter_mut().map(|row| &mut *row.state).collect();
                self.health.watched("step", allowed, || caught(|| self.model.step(&mut rows)))
            });
            match outcome {
                Ok(()) => {
                    let took = start.elapsed();
                    self.paces.step.done(flops, took);
                    self.limit.stepped(size);
                    metrics::stepped(size, took);
                    group.iter_mut().zip(stages).for_each(|(row, stage)| row.stepped(stage, size));
                    let (done, running): (Vec<Row>, Vec<Row>) = group.into_iter().partition(|row| row.state.is_done());
                    self.finished.extend(done);
                    self.running.extend(running);
                }
                Err(error) => {
                    if error.is_out_of_memory() && self.options.dynamic {
                        self.limit.out_of_memory(size);
                    }
                    self.note("step", &error, size);
                    if error.is_device_fault() {
                        let jobs = groups.into_iter().flatten().chain(group).map(|row| row.job);
                        return self.device_fault(&error, jobs.collect());
                    }
                    if size == 1 {
                        group.into_iter().for_each(|row| row.job.fail(error.failure()));
                    } else {
                        groups.push(group.split_off(size / 2));
                        groups.push(group);
                    }
                }
            }
        }
        Ok(())
    }

    /// Decodes the row that has been done for longest, unless its result is no longer wanted.
    fn decode_one(&mut self) -> Result<(), End> {
        if self.finished.front().is_some_and(|row| row.job.exclusivity == Exclusivity::Exclusive) && self.has_company()
        {
            return Ok(());
        }
        let Some(mut row) = self.finished.pop_front() else { return Ok(()) };
        let listener = &row.job.listener;
        if listener.is_gone() {
            return Ok(());
        }
        row.job.enter("decode");
        let start = Instant::now();
        let flops = row.job.cost.decode.flops;
        let allowed = self.paces.decode.allowed(flops, self.options.stall);
        let proceed = || {
            self.health.progress();
            !listener.is_gone()
        };
        let outcome = tracing::info_span!(parent: &listener.span, "decode").in_scope(|| {
            let decode = || self.model.decode(&*row.state, row.job.octree_resolution, &proceed);
            self.health.watched("decode", allowed, || caught(decode))
        });
        match outcome {
            Ok(field) => {
                self.paces.decode.done(flops, start.elapsed());
                row.decoded(field, start.elapsed());
            }
            Err(EngineError::Model(model::Error::Abandoned)) => {}
            Err(error) => {
                self.note("decode", &error, 1);
                if error.is_device_fault() {
                    return self.device_fault(&error, vec![row.job]);
                }
                if error.is_out_of_memory() && self.has_company() {
                    // Repeated when no other row is on the device.
                    row.job.exclusivity = Exclusivity::Exclusive;
                    self.finished.push_front(row);
                } else {
                    row.job.fail(error.failure());
                }
            }
        }
        Ok(())
    }

    /// Whether rows other than the first finished one are on the device.
    fn has_company(&self) -> bool {
        !self.running.is_empty()
    }

    /// Logs and counts an error of a call with `rows` rows.
    fn note(&self, call: &'static str, error: &EngineError, rows: usize) {
        let Some(label) = error.label() else { return };
        metrics::model_error(label);
        if error.is_out_of_memory() {
            tracing::warn!(call, rows, limit = self.limit.rows(), %error, "the device ran out of memory");
        } else {
            tracing::error!(call, rows, %error, "a call of the model failed");
        }
    }

    /// The device is unusable: all rows fail, with those of the call that found it.
    fn device_fault(&mut self, error: &EngineError, mut jobs: Vec<Job>) -> Result<(), End> {
        // Cancelled before the jobs fail, so that no new job is given to this engine.
        self.health.device_fault.cancel();
        jobs.extend(self.running.drain(..).chain(self.finished.drain(..)).map(|row| row.job));
        let failure = error.failure();
        jobs.into_iter().for_each(|job| job.fail(failure.clone()));
        Err(End)
    }
}

/// The span of a batch belongs to all of its jobs: it has no single parent, but follows from each of them.
fn link<'a>(batch: &tracing::Span, jobs: impl Iterator<Item = &'a tracing::Span>) {
    jobs.for_each(|job| {
        batch.follows_from(job);
    });
}

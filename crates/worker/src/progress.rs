//! The progress of an attempt: its stage, the share that is done, and where the time went.

use domain::{Progress, StageInfo, StageTiming};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// Keeps the latest progress of an attempt and the times of its stages. Reporting never waits: the reader of the channel
/// gets the latest value only.
#[derive(Debug)]
pub(crate) struct ProgressTracker {
    stages: Vec<StageInfo>,
    /// The step of the job that the attempt runs, from 0, and how many the job has.
    step: (usize, usize),
    latest: watch::Sender<Option<Progress>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    fraction: f64,
    timings: Vec<StageTiming>,
    /// The stage that this tracker times, and its start.
    current: Option<(&'static str, Instant)>,
}

impl ProgressTracker {
    /// A tracker for an attempt at a step with these stages, and the channel of its progress. Each of the `steps` of the
    /// job is an equal share of it.
    pub(crate) fn new(stages: Vec<StageInfo>, step: usize, steps: usize) -> (Self, watch::Receiver<Option<Progress>>) {
        let (latest, receiver) = watch::channel(None);
        (Self { stages, step: (step, steps), latest, state: Mutex::default() }, receiver)
    }

    /// The worker begins a stage of its own, and ends the one before.
    pub(crate) fn enter(&self, stage: &'static str) {
        let mut state = self.state();
        state.end_stage();
        state.current = Some((stage, Instant::now()));
        self.send(&mut state, Progress::stage(stage));
    }

    /// The worker has ended its stage.
    pub(crate) fn leave(&self) {
        self.state().end_stage();
    }

    /// An engine reports progress.
    pub(crate) fn report(&self, progress: Progress) {
        self.send(&mut self.state(), progress);
    }

    /// Adds the times of stages that were timed elsewhere.
    pub(crate) fn add(&self, timings: impl IntoIterator<Item = StageTiming>) {
        self.state().timings.extend(timings);
    }

    /// The times of all stages, in the order in which they ended.
    pub(crate) fn timings(&self) -> Vec<StageTiming> {
        let mut state = self.state();
        state.end_stage();
        state.timings.clone()
    }

    fn send(&self, state: &mut State, progress: Progress) {
        let done = match (progress.step, progress.steps) {
            (Some(step), Some(steps)) => f64::from(step) / f64::from(steps.max(1)),
            _ => 0.0,
        };
        let (step, steps) = self.step;
        let fraction = (step as f64 + StageInfo::fraction(&self.stages, &progress.stage, done)) / steps as f64;
        state.fraction = state.fraction.max(fraction);
        self.latest.send_replace(Some(progress.with_fraction(state.fraction)));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end_stage(&mut self) {
        if let Some((stage, start)) = self.current.take() {
            self.timings.push(StageTiming::new(stage, start.elapsed().as_secs_f64()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_never_falls_and_each_stage_is_timed_once() {
        let stages = [("preprocess", 1.0), ("denoise", 7.0), ("export", 2.0)];
        let stages: Vec<StageInfo> = stages.map(|(name, weight)| StageInfo::new(name, weight)).into();
        let (second, latest) = ProgressTracker::new(stages.clone(), 1, 2);
        second.report(Progress::steps("denoise", 1, 2));
        assert_eq!(latest.borrow().as_ref().unwrap().fraction, 0.725, "of the second of two steps");

        let (tracker, latest) = ProgressTracker::new(stages, 0, 1);
        let fraction = || latest.borrow().as_ref().map(|progress| progress.fraction);
        assert_eq!(fraction(), None);
        tracker.enter("preprocess");
        assert_eq!(fraction(), Some(0.0));
        tracker.report(Progress::steps("denoise", 1, 2));
        assert_eq!(fraction(), Some(0.45));
        // A late report, a stage that is not in the list, and no steps at all.
        for late in [Progress::stage("preprocess"), Progress::stage("unknown"), Progress::steps("denoise", 0, 0)] {
            tracker.report(late);
            assert_eq!(fraction(), Some(0.45));
        }
        tracker.leave();
        tracker.add([StageTiming::new("denoise", 3.0)]);
        tracker.enter("export");
        assert_eq!(fraction(), Some(0.8));
        let timings = tracker.timings();
        let names: Vec<&str> = timings.iter().map(|timing| timing.stage.as_str()).collect();
        assert_eq!(names, ["preprocess", "denoise", "export"]);
        assert!(timings.iter().all(|timing| timing.seconds >= 0.0) && timings[1].seconds == 3.0);
        assert_eq!(tracker.timings(), timings);
    }
}

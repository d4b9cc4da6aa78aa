//! Whether an engine can still do its work.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Why an engine can do no more work, and its process must be restarted.
#[derive(Debug, Clone, PartialEq)]
pub enum EngineFault {
    /// The device is unusable.
    Device,
    /// The thread of the engine has ended, by a panic outside the calls of the model.
    Ended,
    /// A call of the model takes far longer than its work explains. It may never return.
    Stalled {
        /// The stage of the call.
        stage: &'static str,
        /// How long it has been without progress.
        since: Duration,
    },
}

impl fmt::Display for EngineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device => f.write_str("the device is unusable"),
            Self::Ended => f.write_str("the engine's thread has ended"),
            Self::Stalled { stage, since } => {
                write!(f, "{stage} has made no progress for {:.0} s", since.as_secs_f64())
            }
        }
    }
}

/// State shared by the engine's thread and its owner.
#[derive(Default)]
pub(super) struct Health {
    /// No further task is to be begun.
    pub(super) stopping: CancellationToken,
    /// The device is unusable.
    pub(super) device_fault: CancellationToken,
    /// The thread has ended.
    pub(super) ended: CancellationToken,
    /// The call of the model that is running.
    call: Mutex<Option<Call>>,
}

#[derive(Clone, Copy)]
struct Call {
    stage: &'static str,
    /// When it began or last made progress.
    progress: Instant,
    /// How long it may be without progress.
    allowed: Duration,
}

/// The longest interval of the watchdog: a call that begins meanwhile may have a shorter limit than the last one.
const WATCH: Duration = Duration::from_millis(500);

impl Health {
    /// Runs a call of the model under the watchdog.
    pub(super) fn watched<T>(&self, stage: &'static str, allowed: Duration, call: impl FnOnce() -> T) -> T {
        *self.call() = Some(Call { stage, progress: Instant::now(), allowed });
        let result = call();
        *self.call() = None;
        result
    }

    /// The present call has made progress.
    pub(super) fn progress(&self) {
        if let Some(call) = &mut *self.call() {
            call.progress = Instant::now();
        }
    }

    /// Why the engine can do no more work, if so.
    pub(super) fn fault(&self) -> Option<EngineFault> {
        if self.device_fault.is_cancelled() {
            return Some(EngineFault::Device);
        }
        if self.ended.is_cancelled() && !self.stopping.is_cancelled() {
            return Some(EngineFault::Ended);
        }
        let Call { stage, progress, allowed } = (*self.call())?;
        let since = progress.elapsed();
        (since >= allowed).then_some(EngineFault::Stalled { stage, since })
    }

    /// Resolves when the engine can do no more work.
    pub(super) async fn faulted(&self) -> EngineFault {
        loop {
            if let Some(fault) = self.fault() {
                return fault;
            }
            let left = self.call().map_or(WATCH, |call| call.allowed.saturating_sub(call.progress.elapsed()));
            tokio::select! {
                () = self.device_fault.cancelled() => {}
                () = self.ended.cancelled(), if !self.ended.is_cancelled() => {}
                () = tokio::time::sleep(left.min(WATCH)) => {}
            }
        }
    }

    fn call(&self) -> MutexGuard<'_, Option<Call>> {
        // No code that can panic runs under the lock.
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The speed of the device in one kind of call, measured in the calls so far.
#[derive(Debug, Default)]
pub(super) struct Pace {
    flops_per_second: Option<f64>,
}

/// The assumed speed of a device before the first call of a kind, in FLOP/s.
const SLOWEST: f64 = 2e9;

/// A call that takes so many times its expected duration counts as hanging.
const PATIENCE: f64 = 10.0;

impl Pace {
    /// How long a call of so many operations may be without progress: `least`, or longer if its work explains it.
    pub(super) fn allowed(&self, flops: f64, least: Duration) -> Duration {
        let seconds = self.flops_per_second.map_or(flops / SLOWEST, |pace| PATIENCE * flops / pace);
        // A century: no limit.
        least.max(Duration::try_from_secs_f64(seconds.min(3.2e9)).unwrap_or_default())
    }

    /// A call of so many operations took `seconds`.
    pub(super) fn done(&mut self, flops: f64, seconds: Duration) {
        let pace = flops / seconds.as_secs_f64().max(1e-6);
        self.flops_per_second = Some(self.flops_per_second.map_or(pace, |before| 0.8 * before + 0.2 * pace));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_may_take_as_long_as_its_work_explains() {
        let (mut pace, least) = (Pace::default(), Duration::from_secs(300));
        assert_eq!(pace.allowed(1e9, least), least);
        assert_eq!(pace.allowed(2e12, least), Duration::from_secs(1000));
        pace.done(1e12, Duration::from_secs(10)); // 100 GFLOP/s
        assert_eq!(pace.allowed(2e12, least), least);
        assert_eq!(pace.allowed(54e12, least), Duration::from_secs(5400));
        assert_eq!(pace.allowed(0.0, least), least);
        assert!(pace.allowed(f64::MAX, least) > least);
    }
}

//! The jobs of this run that have not ended, so that Ctrl-C can cancel them.

use super::api::Api;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// Longest time for cancelling all jobs.
const CANCEL_FOR: Duration = Duration::from_secs(10);

/// The jobs that have not ended.
#[derive(Debug, Clone, Default)]
pub(super) struct RunningJobs(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Submissions under way, whose ids are not known yet.
    submitting: usize,
    ids: BTreeSet<String>,
}

impl RunningJobs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Submits a job by `submit`, which returns its id.
    pub(super) fn submit<T, E>(&self, submit: impl FnOnce() -> Result<T, E>, id: impl Fn(&T) -> &str) -> Result<T, E> {
        self.state().submitting += 1;
        let submitted = submit();
        let mut state = self.state();
        state.submitting -= 1;
        if let Ok(accepted) = &submitted {
            state.ids.insert(id(accepted).to_owned());
        }
        submitted
    }

    /// The job has ended.
    pub(super) fn ended(&self, id: &str) {
        self.state().ids.remove(id);
    }

    /// Cancels all jobs, those included whose submission is under way.
    pub(super) fn cancel(&self, api: &Api) {
        let start = Instant::now();
        while start.elapsed() < CANCEL_FOR {
            let (ids, is_submitting) = {
                let mut state = self.state();
                (std::mem::take(&mut state.ids), state.submitting > 0)
            };
            ids.iter().for_each(|id| api.cancel(id));
            if !is_submitting {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

//! The limits of a caller and their usage, for `GET .../limits`.

use super::{Limiter, Policy};
use crate::{Caller, Error, Operation};
use serde::Serialize;
use utoipa::ToSchema;

/// All limits of a caller and their usage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LimitsView {
    /// The tenant's tier: `free`, `standard`, `pro` or `unlimited`.
    #[schema(example = "standard")]
    pub tier: &'static str,
    /// Requests of this key within any 60 seconds, by kind of request.
    pub requests: Requests,
    /// Waiting and running jobs of the tenant.
    pub active_jobs: Allowance,
    /// Waiting jobs of the tenant.
    pub queued_jobs: Allowance,
    /// Running jobs of the tenant; further jobs wait.
    pub running_jobs: Allowance,
    /// Jobs of the tenant on this UTC day.
    pub jobs_per_day: Allowance,
    /// Megapixels (1,000,000 pixels) of the tenant's images on this UTC day.
    pub megapixels_per_day: Allowance,
    /// Maximum number of images in one batch.
    #[schema(example = 16)]
    pub max_batch_size: u32,
}

/// Requests of one key within any 60 seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Requests {
    /// Requests that submit one job, and jobs of batches.
    pub generate: Allowance,
    /// Requests that submit a batch.
    pub batch: Allowance,
    /// Requests that only read.
    pub query: Allowance,
    /// Requests that cancel a job.
    pub cancel: Allowance,
    /// Requests that administer tenants.
    pub admin: Allowance,
}

/// A limit and its usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Allowance {
    /// The maximum; `null` without a limit.
    #[schema(example = 100)]
    pub limit: Option<u64>,
    /// Used so far.
    #[schema(example = 3)]
    pub used: u64,
    /// What is left; `null` without a limit.
    #[schema(example = 97)]
    pub remaining: Option<u64>,
    /// Length of the window in seconds; `null` for limits on the current state.
    #[schema(example = 60)]
    pub window_seconds: Option<u64>,
    /// Seconds until more is available, rounded up; `null` if time alone does not change it.
    #[schema(example = 12)]
    pub reset_seconds: Option<u64>,
}

impl Allowance {
    /// A limit on the current state. 0 means unlimited.
    fn current(limit: u64, used: u64) -> Self {
        let limit = (limit > 0).then_some(limit);
        Self {
            limit,
            used,
            remaining: limit.map(|limit| limit.saturating_sub(used)),
            window_seconds: None,
            reset_seconds: None,
        }
    }

    fn of(policy: &Policy) -> Self {
        Self {
            limit: Some(policy.max),
            used: policy.used,
            remaining: Some(policy.remaining()),
            window_seconds: Some(policy.window.as_secs()),
            reset_seconds: (policy.used > 0).then(|| super::retry_after_seconds(policy.reset)),
        }
    }
}

impl Limiter {
    /// The caller's limits and their usage. `queued` and `running` are the tenant's jobs, as counted by the queue.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn view(&self, caller: &Caller, queued: u64, running: u64) -> Result<LimitsView, Error> {
        let usage = self.usage(caller).await?;
        let window = |operation: Operation| {
            let index = Operation::ALL.iter().position(|&other| other == operation);
            let (used, reset_ms) = index.and_then(|index| usage.windows.get(index)).copied().unwrap_or_default();
            let policy = self.window_policy(caller, operation, used, reset_ms);
            policy.map_or(Allowance::current(0, used), |policy| Allowance::of(&policy))
        };
        let days = self.day_policies(caller, usage.now_ms, usage.jobs, usage.pixels);
        let day = |name: &str, used| {
            let policy = days.iter().find(|policy| policy.name == name);
            policy.map_or(Allowance::current(0, used), Allowance::of)
        };
        let limits = &caller.tenant.limits;
        Ok(LimitsView {
            tier: caller.tenant.tier.as_str(),
            requests: Requests {
                generate: window(Operation::Generate),
                batch: window(Operation::Batch),
                query: window(Operation::Query),
                cancel: window(Operation::Cancel),
                admin: window(Operation::Admin),
            },
            active_jobs: Allowance::current(limits.max_active_jobs, queued + running),
            queued_jobs: Allowance::current(limits.max_queued_jobs, queued),
            running_jobs: Allowance::current(limits.max_running_jobs, running),
            jobs_per_day: day("jobs-per-day", usage.jobs),
            megapixels_per_day: day("megapixels-per-day", usage.pixels.div_ceil(1_000_000)),
            max_batch_size: limits.max_batch_size,
        })
    }
}

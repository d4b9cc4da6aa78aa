//! What a client may ask about its limits before it hits them.

use super::{Limiter, Policy};
use crate::{Caller, Error, Operation};
use serde::Serialize;
use utoipa::ToSchema;

/// All limits of a caller, and how full they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LimitsView {
    /// What is given to the tenant: `free`, `standard`, `pro` or `unlimited`.
    #[schema(example = "standard")]
    pub tier: &'static str,
    /// Requests of this key in any 60 seconds, for each kind of request.
    pub requests: Requests,
    /// Jobs of the tenant that wait or run.
    pub active_jobs: Allowance,
    /// Jobs of the tenant that wait.
    pub queued_jobs: Allowance,
    /// Jobs of the tenant that run; more wait.
    pub running_jobs: Allowance,
    /// Jobs of the tenant in this UTC day.
    pub jobs_per_day: Allowance,
    /// Megapixels (1,000,000 pixels) of pictures of the tenant in this UTC day.
    pub megapixels_per_day: Allowance,
    /// Most pictures in one batch.
    #[schema(example = 16)]
    pub max_batch_size: u32,
}

/// Requests of one key in any 60 seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Requests {
    /// Requests that submit one job, and jobs of batches.
    pub generate: Allowance,
    /// Requests that submit a batch.
    pub batch: Allowance,
    /// Requests that only read.
    pub query: Allowance,
    /// Requests that withdraw a job.
    pub cancel: Allowance,
    /// Requests that administer tenants.
    pub admin: Allowance,
}

/// How much of something is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Allowance {
    /// How many; `null` when there is no limit.
    #[schema(example = 100)]
    pub limit: Option<u64>,
    /// How many are used.
    #[schema(example = 3)]
    pub used: u64,
    /// How many are left; `null` when there is no limit.
    #[schema(example = 97)]
    pub remaining: Option<u64>,
    /// Over how many seconds they are counted; `null` for what is counted at one moment.
    #[schema(example = 60)]
    pub window_seconds: Option<u64>,
    /// In how many seconds there will be more than now, rounded up; `null` when time changes nothing.
    #[schema(example = 12)]
    pub reset_seconds: Option<u64>,
}

impl Allowance {
    /// Of something that is counted at one moment. 0 is no limit.
    fn at_once(limit: u64, used: u64) -> Self {
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
            limit: Some(policy.most),
            used: policy.used,
            remaining: Some(policy.remaining()),
            window_seconds: Some(policy.window.as_secs()),
            reset_seconds: (policy.used > 0).then(|| super::retry_after_seconds(policy.reset)),
        }
    }
}

impl Limiter {
    /// The caller's limits and how full they are. How many jobs wait and run, the queue knows.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn view(&self, caller: &Caller, queued: u64, running: u64) -> Result<LimitsView, Error> {
        let usage = self.usage(caller).await?;
        let window = |operation: Operation| {
            let place = Operation::ALL.iter().position(|&other| other == operation);
            let (used, reset_ms) = place.and_then(|place| usage.windows.get(place)).copied().unwrap_or_default();
            let policy = self.window_policy(caller, operation, used, reset_ms);
            policy.map_or(Allowance::at_once(0, used), |policy| Allowance::of(&policy))
        };
        let days = self.day_policies(caller, usage.now_ms, usage.jobs, usage.pixels);
        let day = |name: &str, used| {
            let policy = days.iter().find(|policy| policy.name == name);
            policy.map_or(Allowance::at_once(0, used), Allowance::of)
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
            active_jobs: Allowance::at_once(limits.max_active_jobs, queued + running),
            queued_jobs: Allowance::at_once(limits.max_queued_jobs, queued),
            running_jobs: Allowance::at_once(limits.max_running_jobs, running),
            jobs_per_day: day("jobs-per-day", usage.jobs),
            megapixels_per_day: day("megapixels-per-day", usage.pixels.div_ceil(1_000_000)),
            max_batch_size: limits.max_batch_size,
        })
    }
}

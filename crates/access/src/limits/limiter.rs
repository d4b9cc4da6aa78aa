//! Counting, one script a call.

use super::{Nonce, Policy, Quota, Refused, Standing};
use crate::{Caller, Error, Operation};
use redis_client::{Connections, scripts};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What the requests of a key are counted over.
const WINDOW: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const MEGA: u64 = 1_000_000;

/// Admits requests and charges quotas. Several of them on one Redis, in as many processes, count as one; clones share
/// one connection.
#[derive(Clone)]
pub struct Limiter {
    line: Arc<Connections>,
    prefix: Arc<str>,
    window: Duration,
    scripts: Arc<Scripts>,
}

scripts! {
    struct Scripts of ["prelude.lua"] {
        admit: writes,
        charge: writes,
        refund: frees,
        usage: frees,
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// What is to be submitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Jobs.
    pub jobs: u32,
    /// Pixels of all their pictures.
    pub pixels: u64,
}

/// What was charged, to be [given back](Limiter::refund) when nothing comes of it.
#[derive(Debug)]
#[must_use = "refund it when nothing was submitted"]
pub struct Receipt {
    tenant: String,
    day: u64,
    work: Work,
    /// How full the quotas are now.
    pub standing: Standing,
}

/// What is used, as the script tells it.
pub(super) struct Usage {
    pub(super) now_ms: u64,
    pub(super) jobs: u64,
    pub(super) pixels: u64,
    /// For each operation: how many, and milliseconds until there is more room.
    pub(super) windows: Vec<(u64, u64)>,
}

impl Limiter {
    /// A limiter in the Redis at `redis_url`, under keys that begin with `prefix`. It connects with the first call.
    ///
    /// # Errors
    /// [`Error::Redis`] when that is not the URL of a Redis server.
    pub fn new(redis_url: &str, prefix: &str) -> Result<Self, Error> {
        Ok(Self::over(Arc::new(Connections::new(redis_url, 1)?), prefix))
    }

    /// A limiter over a line that others use too: what breaks it is then most often met, and mended, by a look-up, which
    /// may be repeated.
    pub(crate) fn over(line: Arc<Connections>, prefix: &str) -> Self {
        let prefix = format!("{prefix}:{{access}}:").into();
        Self { line, prefix, window: WINDOW, scripts: Arc::new(Scripts::new()) }
    }

    /// The same with another window than 60 s, for tests that cannot wait.
    #[doc(hidden)]
    #[must_use]
    pub fn with_window(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// Admits one request of a proven caller, and remembers its nonce; or neither. For requests that were signed,
    /// `nonce` is what makes them unique.
    ///
    /// # Errors
    /// [`Refused::Replayed`], [`Refused::Stale`], [`Refused::TooFast`]; [`Refused::Store`] when Redis does not answer: it
    /// may or may not have been counted then.
    pub async fn admit(
        &self,
        caller: &Caller,
        operation: Operation,
        nonce: Option<Nonce>,
    ) -> Result<Standing, Refused> {
        let most = u64::from(caller.tenant.limits.requests_per_minute(operation));
        let mut call = self.scripts.admit.prepare_invoke();
        call.key(self.window_key(caller, operation))
            .key(self.key(&["nonces:", caller.key_id.as_str(), ":", &nonce.map_or(0, Nonce::bucket).to_string()]))
            .arg(most)
            .arg(self.span_ms());
        match nonce {
            Some(nonce) => {
                call.arg(nonce.fingerprint()).arg(nonce.signed()).arg(Nonce::tolerance()).arg(nonce.forgotten())
            }
            None => call.arg("").arg(0).arg(0).arg(0),
        };
        let (verdict, now_ms, used, reset_ms): (String, u64, u64, u64) =
            self.line.script_once(&call).await.map_err(Error::from)?;
        let window = self.window_policy(caller, operation, used, reset_ms);
        let standing = Standing { at_ms: now_ms, policies: window.into_iter().collect() };
        match verdict.as_str() {
            "admitted" => Ok(standing),
            "replayed" => Err(Refused::Replayed),
            "stale" => Err(Refused::Stale),
            "too_fast" => Err(Refused::TooFast { retry_after: Duration::from_millis(reset_ms), standing }),
            _ => Err(Error::Corrupt("the answer of a script").into()),
        }
    }

    /// Charges the tenant's day with jobs that are about to be submitted: all of them or none. Those of a batch also
    /// count among the key's generates, where a single one has been counted when it was [admitted](Self::admit).
    ///
    /// # Errors
    /// [`Refused::DailyQuota`], [`Refused::TooFast`] (a batch that the window has no room for), [`Refused::NeverFits`];
    /// [`Refused::Store`] as for [`admit`](Self::admit).
    pub async fn charge(&self, caller: &Caller, operation: Operation, work: Work) -> Result<Receipt, Refused> {
        let limits = &caller.tenant.limits;
        let per_minute = u64::from(limits.requests_per_minute(Operation::Generate));
        let most_pixels = limits.megapixels_per_day.saturating_mul(MEGA);
        let submissions = if operation == Operation::Batch { work.jobs } else { 0 };
        never_fits(Quota::Jobs, work.jobs.into(), limits.jobs_per_day)?;
        if limits.megapixels_per_day > 0 && work.pixels > most_pixels {
            never_fits(Quota::Megapixels, work.pixels.div_ceil(MEGA), limits.megapixels_per_day)?;
        }
        never_fits(Quota::Submissions, submissions.into(), per_minute)?;

        let mut call = self.scripts.charge.prepare_invoke();
        call.key(self.day_key(caller))
            .key(self.window_key(caller, Operation::Generate))
            .arg(work.jobs)
            .arg(work.pixels)
            .arg(limits.jobs_per_day)
            .arg(most_pixels)
            .arg(submissions)
            .arg(per_minute)
            .arg(self.span_ms());
        let (verdict, now_ms, jobs, pixels, used, reset_ms): (String, u64, u64, u64, u64, u64) =
            self.line.script_once(&call).await.map_err(Error::from)?;
        let mut policies = self.day_policies(caller, now_ms, jobs, pixels);
        if submissions > 0 {
            policies.extend(self.window_policy(caller, Operation::Generate, used, reset_ms));
        }
        let standing = Standing { at_ms: now_ms, policies };
        let exhausted = |quota, standing| Refused::DailyQuota { quota, retry_after: until_midnight(now_ms), standing };
        match verdict.as_str() {
            "admitted" => {
                let tenant = caller.tenant.id.as_str().to_owned();
                Ok(Receipt { tenant, day: day_of(now_ms), work, standing })
            }
            "jobs" => Err(exhausted(Quota::Jobs, standing)),
            "pixels" => Err(exhausted(Quota::Megapixels, standing)),
            "too_fast" => Err(Refused::TooFast { retry_after: Duration::from_millis(reset_ms), standing }),
            _ => Err(Error::Corrupt("the answer of a script").into()),
        }
    }

    /// Gives back what was charged, for as long as the day lasts: nothing was submitted, or it was there already.
    ///
    /// # Errors
    /// When Redis does not answer. What was charged is then lost to the tenant until midnight.
    pub async fn refund(&self, receipt: Receipt) -> Result<(), Error> {
        let mut call = self.scripts.refund.prepare_invoke();
        call.key(self.key(&["day:", &receipt.tenant])).arg(receipt.day).arg(receipt.work.jobs).arg(receipt.work.pixels);
        self.line.script_once::<u64>(&call).await?;
        Ok(())
    }

    pub(super) async fn usage(&self, caller: &Caller) -> Result<Usage, Error> {
        let mut call = self.scripts.usage.prepare_invoke();
        call.key(self.day_key(caller));
        for operation in Operation::ALL {
            call.key(self.window_key(caller, operation));
        }
        call.arg(self.span_ms());
        let answer: Vec<u64> = self.line.script(&call).await?;
        let [now_ms, jobs, pixels, windows @ ..] = answer.as_slice() else {
            return Err(Error::Corrupt("the answer of a script"));
        };
        let windows = windows.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        Ok(Usage { now_ms: *now_ms, jobs: *jobs, pixels: *pixels, windows })
    }

    /// How full a window is; `None` where there is no limit.
    pub(super) fn window_policy(
        &self,
        caller: &Caller,
        operation: Operation,
        used: u64,
        reset_ms: u64,
    ) -> Option<Policy> {
        let most = u64::from(caller.tenant.limits.requests_per_minute(operation));
        (most > 0).then(|| Policy {
            name: operation.as_str(),
            unit: None,
            partition: caller.key_id.to_string(),
            most,
            used,
            window: self.window,
            reset: Duration::from_millis(reset_ms),
        })
    }

    /// How full the day's quotas are, those that there are.
    pub(super) fn day_policies(&self, caller: &Caller, now_ms: u64, jobs: u64, pixels: u64) -> Vec<Policy> {
        let limits = &caller.tenant.limits;
        let policy = |name, unit, most, used| Policy {
            name,
            unit: Some(unit),
            partition: caller.tenant.id.to_string(),
            most,
            used,
            window: DAY,
            reset: until_midnight(now_ms),
        };
        let both = [
            policy("jobs-per-day", "jobs", limits.jobs_per_day, jobs),
            policy("megapixels-per-day", "megapixels", limits.megapixels_per_day, pixels.div_ceil(MEGA)),
        ];
        both.into_iter().filter(|policy| policy.most > 0).collect()
    }

    fn span_ms(&self) -> u64 {
        u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX)
    }

    fn window_key(&self, caller: &Caller, operation: Operation) -> String {
        self.key(&["window:", caller.key_id.as_str(), ":", operation.as_str()])
    }

    fn day_key(&self, caller: &Caller) -> String {
        self.key(&["day:", caller.tenant.id.as_str()])
    }

    fn key(&self, parts: &[&str]) -> String {
        let mut key = self.prefix.to_string();
        key.extend(parts.iter().copied());
        key
    }
}

fn never_fits(quota: Quota, asked: u64, most: u64) -> Result<(), Refused> {
    if most > 0 && asked > most { Err(Refused::NeverFits { quota, asked, most }) } else { Ok(()) }
}

fn day_of(now_ms: u64) -> u64 {
    now_ms / 1_000 / DAY.as_secs()
}

fn until_midnight(now_ms: u64) -> Duration {
    Duration::from_millis((day_of(now_ms) + 1) * DAY.as_secs() * 1_000 - now_ms)
}

//! Admission of requests: windows and nonces, one script per call.

use super::{Nonce, Policy, RateLimitStatus, Refused};
use crate::{Caller, Error, Operation, TenantId};
use redis::{Script, ScriptInvocation};
use redis_client::{Connections, scripts};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The span of a window.
const WINDOW: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
pub(super) const MEGA: u64 = 1_000_000;

/// Admits requests and charges quotas. All limiters on one Redis share their counts. Clones share one connection.
#[derive(Clone)]
pub struct Limiter {
    pub(super) connections: Arc<Connections>,
    prefix: Arc<str>,
    window: Duration,
    pub(super) scripts: Arc<Scripts>,
}

scripts! {
    pub(super) struct Scripts of ["prelude.lua"] {
        admit: writes,
        peek: reads,
        charge: writes,
        refund: frees,
        usage: reads,
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// Current usage, as the script reports it.
pub(super) struct Usage {
    pub(super) now_ms: u64,
    pub(super) jobs: u64,
    pub(super) pixels: u64,
    /// For each operation: requests in the window, and milliseconds until there is more room.
    pub(super) windows: Vec<(u64, u64)>,
}

impl Limiter {
    /// A limiter in the Redis at `redis_url`, under keys that begin with `prefix`. The first call connects.
    ///
    /// # Errors
    /// [`Error::Redis`] if `redis_url` is not the URL of a Redis server.
    pub fn new(redis_url: &str, prefix: &str) -> Result<Self, Error> {
        Ok(Self::over(Arc::new(Connections::new(redis_url, 1)?), prefix))
    }

    /// A limiter on shared connections. A broken connection is then usually noticed and replaced by a lookup, which may
    /// be repeated.
    pub(crate) fn over(connections: Arc<Connections>, prefix: &str) -> Self {
        let prefix = format!("{prefix}:{{access}}:").into();
        Self { connections, prefix, window: WINDOW, scripts: Arc::new(Scripts::new()) }
    }

    /// The same limiter with another window, for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn with_window(self, window: Duration) -> Self {
        Self { window, ..self }
    }

    /// Admits one request of an authenticated caller and stores its nonce, or refuses it and stores nothing. `nonce` is
    /// given for signed requests.
    ///
    /// While Redis refuses writes (full disk, full memory, a replica, too few replicas), an [`Operation::Query`] is checked against what is stored
    /// and admitted without being counted, so that reads go on; its nonce is not stored, so it can be replayed until
    /// Redis accepts writes again. All other operations are refused.
    ///
    /// # Errors
    /// [`Refused::Replayed`], [`Refused::Stale`], [`Refused::TooFast`]; [`Refused::Store`] if Redis is not available, in
    /// which case the request may have been counted.
    pub async fn admit(
        &self,
        caller: &Caller,
        operation: Operation,
        nonce: Option<Nonce>,
    ) -> Result<RateLimitStatus, Refused> {
        let call = |script| self.admission(script, caller, operation, nonce);
        let answer = match self.connections.script_once(&call(&self.scripts.admit)).await.map_err(Error::from) {
            Err(Error::ReadOnly(_)) if operation == Operation::Query => {
                self.connections.script(&call(&self.scripts.peek)).await.map_err(Error::from)
            }
            answer => answer,
        };
        let (verdict, now_ms, used, reset_ms): (String, u64, u64, u64) = answer?;
        let window = self.window_policy(caller, operation, used, reset_ms);
        let status = RateLimitStatus { at_ms: now_ms, policies: window.into_iter().collect() };
        match verdict.as_str() {
            "admitted" => Ok(status),
            "replayed" => Err(Refused::Replayed),
            "stale" => Err(Refused::Stale),
            "too_fast" => Err(Refused::TooFast { retry_after: Duration::from_millis(reset_ms), status }),
            _ => Err(Error::Corrupt("the answer of a script").into()),
        }
    }

    fn admission<'a>(
        &self,
        script: &'a Script,
        caller: &Caller,
        operation: Operation,
        nonce: Option<Nonce>,
    ) -> ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        call.key(self.window_key(caller, operation))
            .key(self.key(&["nonces:", caller.key_id.as_str(), ":", &nonce.map_or(0, Nonce::bucket).to_string()]))
            .arg(caller.tenant.limits.requests_per_minute(operation))
            .arg(self.span_ms());
        match nonce {
            Some(nonce) => {
                call.arg(nonce.fingerprint()).arg(nonce.signed()).arg(Nonce::tolerance()).arg(nonce.forgotten())
            }
            None => call.arg("").arg(0).arg(0).arg(0),
        };
        call
    }

    pub(super) async fn usage(&self, caller: &Caller) -> Result<Usage, Error> {
        let mut call = self.scripts.usage.prepare_invoke();
        call.key(self.day_key(&caller.tenant.id));
        for operation in Operation::ALL {
            call.key(self.window_key(caller, operation));
        }
        call.arg(self.span_ms());
        let answer: Vec<u64> = self.connections.script(&call).await?;
        let [now_ms, jobs, pixels, windows @ ..] = answer.as_slice() else {
            return Err(Error::Corrupt("the answer of a script"));
        };
        let windows = windows.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        Ok(Usage { now_ms: *now_ms, jobs: *jobs, pixels: *pixels, windows })
    }

    /// Usage of a window; `None` without a limit.
    pub(super) fn window_policy(
        &self,
        caller: &Caller,
        operation: Operation,
        used: u64,
        reset_ms: u64,
    ) -> Option<Policy> {
        let max = u64::from(caller.tenant.limits.requests_per_minute(operation));
        (max > 0).then(|| Policy {
            name: operation.as_str(),
            unit: None,
            partition: caller.key_id.to_string(),
            max,
            used,
            window: self.window,
            reset: Duration::from_millis(reset_ms),
        })
    }

    /// Usage of the day's quotas, for those with a limit.
    pub(super) fn day_policies(&self, caller: &Caller, now_ms: u64, jobs: u64, pixels: u64) -> Vec<Policy> {
        let limits = &caller.tenant.limits;
        let policy = |name, unit, max, used| Policy {
            name,
            unit: Some(unit),
            partition: caller.tenant.id.to_string(),
            max,
            used,
            window: DAY,
            reset: until_midnight(now_ms),
        };
        let both = [
            policy("jobs-per-day", "jobs", limits.jobs_per_day, jobs),
            policy("megapixels-per-day", "megapixels", limits.megapixels_per_day, pixels.div_ceil(MEGA)),
        ];
        both.into_iter().filter(|policy| policy.max > 0).collect()
    }

    pub(super) fn span_ms(&self) -> u64 {
        u64::try_from(self.window.as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn window_key(&self, caller: &Caller, operation: Operation) -> String {
        self.key(&["window:", caller.key_id.as_str(), ":", operation.as_str()])
    }

    pub(super) fn day_key(&self, tenant: &TenantId) -> String {
        self.key(&["day:", tenant.as_str()])
    }

    fn key(&self, parts: &[&str]) -> String {
        let mut key = self.prefix.to_string();
        key.extend(parts.iter().copied());
        key
    }
}

pub(super) fn day_of(now_ms: u64) -> u64 {
    now_ms / 1_000 / DAY.as_secs()
}

pub(super) fn until_midnight(now_ms: u64) -> Duration {
    Duration::from_millis((day_of(now_ms) + 1) * DAY.as_secs() * 1_000 - now_ms)
}

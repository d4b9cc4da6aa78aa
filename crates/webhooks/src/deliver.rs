//! From deliveries to HTTP requests.

use crate::attempt::{Claim, Outcome};
use crate::concurrency::{CallGuard, EndpointConcurrency, PER_ENDPOINT, PER_TENANT};
use crate::delivery::Attempt;
use crate::{Error, Webhooks};
use std::sync::Arc;
use std::time::Duration;
use telemetry::names;
use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Time between two claims while nothing is due or nothing may be called.
const CLAIM_EVERY: Duration = Duration::from_millis(250);
/// Shortest time between two claims that take nothing.
const CLAIM_PAUSE: Duration = Duration::from_millis(10);
/// Pause after an error.
const PAUSE: Duration = Duration::from_secs(1);

impl Webhooks {
    /// Claims due deliveries and calls their endpoints until `shutdown`, then finishes the calls under way.
    pub(crate) async fn deliver(&self, shutdown: &CancellationToken) {
        let (calls, tasks) = (self.0.options.webhook_calls, TaskTracker::new());
        let (concurrency, finished) = (EndpointConcurrency::default(), Arc::new(Notify::new()));
        let permits = Arc::new(Semaphore::new(calls.into()));
        while !shutdown.is_cancelled() {
            // Only as many are claimed as can be called at once, or their leases would end unused.
            let Ok(first) = Arc::clone(&permits).acquire_owned().await else { return };
            let mut free = vec![first];
            free.extend(std::iter::from_fn(|| Arc::clone(&permits).try_acquire_owned().ok()));
            let wait = match self.claim(free.len(), &concurrency).await {
                Ok((claims, wait)) => {
                    for (claim, permit) in claims.into_iter().zip(free) {
                        let guard = concurrency.enter(&claim.tenant, &claim.endpoint, claim.is_proven, permit);
                        let (webhooks, finished) = (self.clone(), Arc::clone(&finished));
                        tasks.spawn(async move {
                            webhooks.attend(claim, guard).await;
                            finished.notify_one();
                        });
                    }
                    wait
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no deliveries could be claimed");
                    PAUSE
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = finished.notified() => {}
                () = sleep(wait) => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Claims up to `max` deliveries. Returns them and the time until the next claim.
    async fn claim(&self, max: usize, concurrency: &EndpointConcurrency) -> Result<(Vec<Claim>, Duration), Error> {
        type Row = (String, u64, u32, String, String, String, bool);
        // Half of the calls are for endpoints whose latest attempt succeeded.
        let max_unproven = usize::from(self.0.options.webhook_calls).div_ceil(2).saturating_sub(concurrency.unproven());
        let mut call = self.0.store.call(&self.0.store.scripts.claim);
        call.arg(max).arg(max_unproven).arg(self.0.options.lease().as_millis() as u64);
        concurrency.add_to(call.arg(PER_ENDPOINT).arg(PER_TENANT));
        let (rows, next): (Vec<Row>, i64) = self.0.store.run(&call).await?;
        let next = u64::try_from(next).map_or(CLAIM_EVERY, Duration::from_millis);
        // Zero while deliveries are due whose endpoints are busy: the end of a call wakes the loop.
        let wait = match (rows.is_empty(), next) {
            (false, _) => CLAIM_PAUSE,
            (true, Duration::ZERO) => CLAIM_EVERY,
            (true, next) => next.clamp(CLAIM_PAUSE, CLAIM_EVERY),
        };
        let claim = |(id, token, attempts, tenant, endpoint, body, is_proven)| Claim {
            id,
            token,
            attempts,
            tenant,
            endpoint,
            body,
            is_proven,
        };
        Ok((rows.into_iter().map(claim).collect(), wait))
    }

    /// Makes one attempt and records its outcome.
    async fn attend(&self, claim: Claim, _guard: CallGuard) {
        let recorded = match self.attempt(&claim).await {
            Ok((outcome, attempt)) => {
                let (state, wait) = match outcome {
                    Outcome::Delivered => ("delivered", Duration::ZERO),
                    Outcome::Failed => ("failed", Duration::ZERO),
                    Outcome::Pending(wait) => ("pending", wait),
                };
                metrics::counter!(names::WEBHOOK_ATTEMPTS, "outcome" => state).increment(1);
                self.settle(&claim, state, wait, &attempt).await
            }
            Err(error) => Err(error),
        };
        if let Err(error) = recorded {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(
                error,
                delivery = claim.id,
                "an attempt failed internally; it is repeated when its lease ends"
            );
        }
    }

    async fn settle(&self, claim: &Claim, state: &str, wait: Duration, attempt: &Attempt) -> Result<(), Error> {
        let log = serde_json::to_string(attempt).map_err(|_| Error::Corrupt("an attempt"))?;
        let mut call = self.0.store.call(&self.0.store.scripts.settle);
        call.arg(&claim.id).arg(claim.token).arg(state).arg(wait.as_millis() as u64).arg(log);
        self.0.store.run::<bool>(&call).await.map(drop)
    }
}

//! The work behind: from ended jobs to deliveries, and from deliveries to calls.

use crate::delivery::Attempt;
use crate::endpoint::Event;
use crate::post::{Claim, Fate};
use crate::{Error, Webhooks};
use domain::JobRecord;
use queue::{DomainEvent, Outbox, Queue};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use telemetry::names;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a message tells of a job, under `data`.
pub type Describe = Arc<dyn Fn(&JobRecord) -> Value + Send + Sync>;

/// Events read at once, and the time after which unacknowledged ones are read again.
const EVENTS: usize = 64;
const REDELIVER: Duration = Duration::from_secs(30);
/// How long one question for ended jobs, or for due deliveries, waits at most.
const WAIT: Duration = Duration::from_secs(1);
const ASK_EVERY: Duration = Duration::from_millis(250);
/// After an error.
const PAUSE: Duration = Duration::from_secs(1);

/// Calls to one endpoint at once, so that a slow one does not take all.
const CALLS_PER_ENDPOINT: usize = 4;
/// What is too much for an endpoint comes back after this long.
const NOT_NOW: Duration = Duration::from_secs(2);

impl Webhooks {
    /// Tells tenants of their ended jobs until `shutdown`, then finishes what is under way. `name` tells this process
    /// from others that do the same.
    pub async fn run(&self, queue: Queue, name: &str, describe: Describe, shutdown: CancellationToken) {
        tokio::join!(self.feed(&queue, name, &describe, &shutdown), self.deliver(&shutdown));
    }

    /// From ended jobs to deliveries: each is confirmed when its deliveries are kept.
    async fn feed(&self, queue: &Queue, name: &str, describe: &Describe, shutdown: &CancellationToken) {
        let outbox: Outbox = queue.outbox("webhooks", name);
        while !shutdown.is_cancelled() {
            let step = async {
                for entry in outbox.read(EVENTS, REDELIVER, WAIT).await? {
                    match &entry.event {
                        Ok(event) => self.prepare(queue, event, describe).await?,
                        Err(error) => tracing::warn!(entry = entry.id, %error, "an event cannot be read"),
                    }
                    outbox.ack(&[&entry.id]).await?;
                }
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            };
            // What is cut off here is handed out again.
            let step = tokio::select! {
                () = shutdown.cancelled() => return,
                step = step => step,
            };
            if let Err(error) = step {
                tracing::warn!(error, "ended jobs could not be taken over; trying again");
                sleep(PAUSE).await;
            }
        }
    }

    async fn prepare(
        &self,
        queue: &Queue,
        ended: &DomainEvent,
        describe: &Describe,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let Some(event) = Event::of(ended.state) else { return Ok(()) };
        if self.kept(&ended.owner).await?.0.is_empty() {
            return Ok(());
        }
        // One that is forgotten already has nobody left to tell of.
        let Some(record) = queue.record(ended.job).await? else { return Ok(()) };
        let timestamp = rfc3339(ended.at_ms);
        let body = json!({ "type": event.as_str(), "timestamp": timestamp, "data": describe(&record) }).to_string();
        Ok(self.enqueue(&ended.owner, ended, event, &body).await?)
    }

    /// From deliveries to calls.
    async fn deliver(&self, shutdown: &CancellationToken) {
        let (calls, tasks, crowd) = (self.0.options.webhook_calls, TaskTracker::new(), Crowd::default());
        let permits = Arc::new(Semaphore::new(calls.into()));
        while !shutdown.is_cancelled() {
            // Taken only when there is a hand free, or leases would run out unused.
            let Ok(first) = Arc::clone(&permits).acquire_owned().await else { return };
            let mut hands = vec![first];
            hands.extend(std::iter::from_fn(|| Arc::clone(&permits).try_acquire_owned().ok()));
            let wait = match self.claim(hands.len()).await {
                Ok((claims, wait)) => {
                    for (claim, hand) in claims.into_iter().zip(hands) {
                        tasks.spawn(self.clone().attend(claim, hand, crowd.clone()));
                    }
                    wait
                }
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "no deliveries could be taken");
                    PAUSE
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = sleep(wait) => {}
            }
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Takes deliveries that are due, and tells when to ask again.
    async fn claim(&self, most: usize) -> Result<(Vec<Claim>, Duration), Error> {
        type Row = (String, u64, u32, String, String, String, String);
        let mut call = self.0.store.call(&self.0.store.scripts.claim);
        call.arg(most).arg(self.0.options.lease().as_millis() as u64);
        let (rows, next): (Vec<Row>, i64) = self.0.store.run(&call).await?;
        let is_full = rows.len() == most;
        let claims = rows.into_iter().map(|(id, token, attempts, tenant, endpoint, _, body)| Claim {
            id,
            token,
            attempts,
            tenant,
            endpoint,
            body,
        });
        // Others may put something before what is next.
        let next = u64::try_from(next).map_or(ASK_EVERY, Duration::from_millis).min(ASK_EVERY);
        Ok((claims.collect(), if is_full { Duration::ZERO } else { next.max(Duration::from_millis(10)) }))
    }

    /// Sees one claim through.
    async fn attend(self, claim: Claim, _hand: OwnedSemaphorePermit, crowd: Crowd) {
        let settled = match crowd.enter(&claim.endpoint) {
            None => self.settle(&claim, "back", NOT_NOW, None).await,
            Some(_place) => match self.attempt(&claim).await {
                Ok((fate, attempt)) => {
                    let (state, wait) = match fate {
                        Fate::Delivered => ("delivered", Duration::ZERO),
                        Fate::Failed => ("failed", Duration::ZERO),
                        Fate::Pending(wait) => ("pending", wait),
                    };
                    metrics::counter!(names::WEBHOOK_ATTEMPTS, "outcome" => state).increment(1);
                    self.settle(&claim, state, wait, Some(&attempt)).await
                }
                // Nothing was sent, or nobody knows: the lease will run out.
                Err(error) => Err(error),
            },
        };
        if let Err(error) = settled {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, delivery = claim.id, "an attempt could not be made or kept; it will be made again");
        }
    }

    async fn settle(&self, claim: &Claim, state: &str, wait: Duration, attempt: Option<&Attempt>) -> Result<(), Error> {
        let log = attempt.map(serde_json::to_string).transpose().map_err(|_| Error::Corrupt("an attempt"))?;
        let mut call = self.0.store.call(&self.0.store.scripts.settle);
        call.arg(&claim.id).arg(claim.token).arg(state).arg(wait.as_millis() as u64).arg(log.unwrap_or_default());
        self.0.store.run::<bool>(&call).await.map(drop)
    }
}

/// How many calls each endpoint gets now.
#[derive(Clone, Default)]
struct Crowd(Arc<Mutex<HashMap<String, usize>>>);

/// A place among the calls to an endpoint.
struct Place {
    crowd: Crowd,
    endpoint: String,
}

impl Crowd {
    fn enter(&self, endpoint: &str) -> Option<Place> {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = calls.entry(endpoint.to_owned()).or_default();
        if *count >= CALLS_PER_ENDPOINT {
            return None;
        }
        *count += 1;
        Some(Place { crowd: self.clone(), endpoint: endpoint.to_owned() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut calls = self.crowd.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = calls.get_mut(&self.endpoint) {
            *count -= 1;
            if *count == 0 {
                calls.remove(&self.endpoint);
            }
        }
    }
}

/// Milliseconds since the Unix epoch as RFC 3339 writes them.
fn rfc3339(ms: u64) -> String {
    humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + Duration::from_millis(ms)).to_string()
}

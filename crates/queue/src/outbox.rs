//! The outbox: one bounded stream of domain events that independent readers follow.
//!
//! Every job writes its events here in the same script that moves it. Each reader is a named consumer group with a
//! position of its own; readers acknowledge entries and never delete them, so one reader does not affect another.
//! Delivery is at least once.

use crate::error::Error;
use crate::queue::Queue;
use crate::worker::millis;
use domain::{BatchId, Class, JobId, JobState};
use redis::FromRedisValue;
use redis::streams::StreamId;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Time between two reads of a reader that waits.
const READ_EVERY: Duration = Duration::from_millis(250);

/// Something that happened to a job. Unknown fields are ignored when it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DomainEvent {
    /// `job.queued`, `job.started`, `job.progress`, `job.succeeded`, `job.failed` or `job.cancelled`; a newer version
    /// may add others. `job.queued` is also written when a job returns to the queue, and `job.progress` at 25, 50 and
    /// 75 % of an attempt.
    #[serde(rename = "type")]
    pub kind: String,
    /// The job.
    pub job: JobId,
    /// The tenant that owns it.
    pub owner: String,
    /// Its class.
    pub class: Class,
    /// Its batch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub batch: Option<BatchId>,
    /// The state after the event.
    pub state: JobState,
    /// The attempt, from 1; 0 before the first.
    pub attempt: u32,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Share of the job that is done, 0 to 1, for `job.progress`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fraction: Option<f64>,
}

/// An entry of the outbox.
#[derive(Debug)]
pub struct OutboxEntry {
    /// Its id, unique among all events of the installation.
    pub id: String,
    /// The event, or the error of an entry that this version cannot read. Acknowledge it in either case.
    pub event: Result<DomainEvent, serde_json::Error>,
}

/// A reader of the outbox: one consumer of a named group.
#[derive(Debug, Clone)]
pub struct Outbox {
    queue: Queue,
    group: String,
    consumer: String,
}

impl Queue {
    /// A reader of the outbox. The consumers of a `group` share its entries; each group sees all of them. A new group
    /// starts with the oldest entry kept. `consumer` must be unique within the group.
    pub fn outbox(&self, group: &str, consumer: &str) -> Outbox {
        Outbox { queue: self.clone(), group: group.to_owned(), consumer: consumer.to_owned() }
    }
}

impl Outbox {
    /// Up to `max` entries; waits up to `wait` for one. An entry that its consumer has not acknowledged within
    /// `stale_after` is delivered again, to any consumer of the group. The latest 100,000 entries (about) are kept.
    ///
    /// One round trip each 250 ms.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn read(&self, max: usize, stale_after: Duration, wait: Duration) -> Result<Vec<OutboxEntry>, Error> {
        let mut call = self.queue.call(&self.queue.inner.scripts.outbox);
        call.arg(&self.group).arg(&self.consumer).arg(max.max(1)).arg(millis(stale_after));
        let deadline = Instant::now() + wait;
        loop {
            let Entries(entries) = self.queue.inner.connections.script(&call).await?;
            let remaining = deadline.saturating_duration_since(Instant::now());
            if !entries.is_empty() || remaining.is_zero() {
                return Ok(entries.into_iter().map(entry).collect());
            }
            sleep(remaining.min(READ_EVERY)).await;
        }
    }

    /// Acknowledges entries by their ids: they are not delivered to this group again. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ack(&self, ids: &[&str]) -> Result<(), Error> {
        if ids.is_empty() {
            return Ok(());
        }
        let command = redis::cmd("XACK").arg(self.queue.inner.keys.outbox()).arg(&self.group).arg(ids).to_owned();
        Ok(self.queue.inner.connections.command::<u64>(&command).await.map(drop)?)
    }
}

struct Entries(Vec<StreamId>);

impl FromRedisValue for Entries {
    fn from_redis_value(value: redis::Value) -> Result<Self, redis::ParsingError> {
        let redis::Value::Array(entries) = value else {
            return Err("a list of entries was expected".into());
        };
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            // Nil stands for an entry that was trimmed while it was pending.
            if entry != redis::Value::Nil {
                let (id, map) = redis::from_redis_value(entry)?;
                all.push(StreamId { id, map, ..StreamId::default() });
            }
        }
        Ok(Self(all))
    }
}

fn entry(stored: StreamId) -> OutboxEntry {
    let event = serde_json::from_str(&stored.get::<String>("e").unwrap_or_default());
    OutboxEntry { id: stored.id, event }
}

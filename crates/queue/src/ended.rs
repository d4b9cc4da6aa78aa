//! Ended jobs whose owner asked to be told.

use crate::error::Error;
use crate::queue::Queue;
use crate::record::parse_state;
use crate::worker::millis;
use domain::{Class, JobId, JobState};
use redis::FromRedisValue;
use redis::streams::StreamId;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// All readers together are one group: what one has taken is not for another, unless it does not confirm it.
const GROUP: &str = "readers";
/// How often a reader that waits asks again.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// A job that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    entry: String,
    /// The job.
    pub job: JobId,
    /// Whose it is.
    pub owner: String,
    /// Its class.
    pub class: Class,
    /// Its terminal state.
    pub state: JobState,
    /// When it ended, milliseconds since the Unix epoch.
    pub at_ms: u64,
}

impl Queue {
    /// Up to `max` ended jobs that were submitted with `notify`; waits up to `wait` for one. Each is for one of all
    /// readers. One that is not [confirmed](Self::confirm_ended) within `redeliver` is handed out again, to any reader:
    /// so it is delivered at least once, and a reader must not mind a second time. The latest 100,000 are kept.
    ///
    /// One round trip each 250 ms.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn ended(
        &self,
        reader: &str,
        max: usize,
        redeliver: Duration,
        wait: Duration,
    ) -> Result<Vec<Ended>, Error> {
        let mut call = self.call(&self.inner.scripts.ended);
        call.arg(GROUP).arg(reader).arg(max.max(1)).arg(millis(redeliver));
        let deadline = Instant::now() + wait;
        loop {
            let Entries(entries) = self.inner.connections.script(&call).await?;
            let remaining = deadline.saturating_duration_since(Instant::now());
            if !entries.is_empty() || remaining.is_zero() {
                return entries.iter().map(ended).collect();
            }
            sleep(remaining.min(ASK_EVERY)).await;
        }
    }

    /// The reader has done what it had to with these. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn confirm_ended(&self, done: &[Ended]) -> Result<(), Error> {
        if done.is_empty() {
            return Ok(());
        }
        let key = self.inner.keys.ended();
        let entries: Vec<&str> = done.iter().map(|ended| ended.entry.as_str()).collect();
        let mut pipeline = redis::pipe();
        pipeline.cmd("XACK").arg(&key).arg(GROUP).arg(&entries);
        pipeline.cmd("XDEL").arg(&key).arg(&entries);
        Ok(self.inner.connections.pipeline::<(u64, u64)>(&pipeline).await.map(drop)?)
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
            // What was trimmed away while a reader had it is no more than a hole.
            if entry != redis::Value::Nil {
                let (id, map) = redis::from_redis_value(entry)?;
                all.push(StreamId { id, map, ..StreamId::default() });
            }
        }
        Ok(Self(all))
    }
}

fn ended(entry: &StreamId) -> Result<Ended, Error> {
    let corrupt = || Error::Corrupt { what: "an ended job", source: None };
    let field = |name| entry.get::<String>(name).ok_or_else(corrupt);
    let tenant = field("tenant")?;
    let (class, owner) = tenant.split_once(':').ok_or_else(corrupt)?;
    Ok(Ended {
        entry: entry.id.clone(),
        job: field("id")?.parse().map_err(|_| corrupt())?,
        owner: owner.to_owned(),
        class: [Class::Agent, Class::User, Class::Test]
            .into_iter()
            .find(|c| c.as_str() == class)
            .ok_or_else(corrupt)?,
        state: parse_state(&field("state")?)?,
        at_ms: entry.get("at").ok_or_else(corrupt)?,
    })
}

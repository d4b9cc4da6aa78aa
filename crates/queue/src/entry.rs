//! The hash of a job, read as a record.
//!
//! Stored jobs may come from a newer or an older version of this program. Unknown fields are ignored. A record that
//! cannot be read at all is returned as [`UnreadableJob`] for its own id and does not affect the other jobs of a page.

use crate::error::Error;
use crate::position::QueuePosition;
use crate::queue::Queue;
use domain::{Class, Job, JobId, JobRecord, JobState};
use redis::FromRedisValue;
use serde::Deserialize;
use std::collections::HashMap;

/// A job of a page: its record and its position in the queue.
#[derive(Debug, Clone, PartialEq)]
pub struct JobEntry {
    /// The id of the job.
    pub id: JobId,
    /// Its state.
    pub state: JobState,
    /// Its record, or why that cannot be read.
    pub record: Result<JobRecord, UnreadableJob>,
    /// Its position in the queue.
    pub position: QueuePosition,
}

/// A stored job that this version cannot read: it was written by a newer version, or it is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the record of job {id} cannot be read: {reason}")]
pub struct UnreadableJob {
    /// The id of the job.
    pub id: JobId,
    /// The tenant that owns it.
    pub owner: String,
    /// Its class.
    pub class: Class,
    /// Its state.
    pub state: JobState,
    /// What is wrong, without any stored content.
    pub reason: String,
}

impl Queue {
    /// A job with its position. An id that was answered with another job (see [`SubmitOutcome`](crate::SubmitOutcome))
    /// returns that job. `None` when there is no such job or its retention is over. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn entry(&self, id: JobId) -> Result<Option<JobEntry>, Error> {
        let mut call = self.call(&self.inner.scripts.entry);
        call.arg(id.to_string());
        let stored: Option<StoredEntry> = self.inner.connections.script(&call).await?;
        stored.map(StoredEntry::read).transpose()
    }

    /// The record of the job of this id; `None` when there is no such job or its retention is over. One round trip.
    ///
    /// # Errors
    /// [`Error::UnreadableJob`], [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn record(&self, id: JobId) -> Result<Option<JobRecord>, Error> {
        let fields: Fields = self.inner.connections.command(redis::cmd("HGETALL").arg(self.inner.keys.job(id))).await?;
        if !fields.is_job() {
            return Ok(None);
        }
        Ok(Some(fields.record(id)??))
    }

    /// The record of the job that a submission of this id was answered with: the job of this id, or another one that
    /// makes the same result. One round trip.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub async fn answered_with(&self, id: JobId) -> Result<Option<JobRecord>, Error> {
        Ok(self.entry(id).await?.map(|entry| entry.record).transpose()?)
    }
}

/// A job as scripts return it: id, hash, position, milliseconds until it is done (-1: unknown), whether no live worker
/// covers it.
pub(crate) type StoredEntryTuple = (String, Fields, u64, i64, u8);

/// See [`StoredEntryTuple`].
pub(crate) struct StoredEntry(StoredEntryTuple);

impl FromRedisValue for StoredEntry {
    fn from_redis_value(value: redis::Value) -> Result<Self, redis::ParsingError> {
        redis::from_redis_value(value).map(Self)
    }
}

impl StoredEntry {
    pub(crate) fn read(self) -> Result<JobEntry, Error> {
        let (id, fields, position, eta, no_worker) = self.0;
        let id = parse_id(&id)?;
        Ok(JobEntry {
            id,
            state: fields.state()?,
            record: fields.record(id)?,
            position: QueuePosition::new(position, eta, no_worker),
        })
    }
}

/// The fields of the hash of a job.
pub(crate) struct Fields(HashMap<String, String>);

impl FromRedisValue for Fields {
    fn from_redis_value(value: redis::Value) -> Result<Self, redis::ParsingError> {
        HashMap::from_redis_value(value).map(Self)
    }
}

impl Fields {
    /// Whether it is the hash of a job, and neither missing nor that of an id which stands for another job.
    pub(crate) fn is_job(&self) -> bool {
        self.0.contains_key("job")
    }

    pub(crate) fn state(&self) -> Result<JobState, Error> {
        parse_state(self.text("state").unwrap_or_default())
    }

    /// The record. The outer error is one of the queue's own fields, which no version change explains.
    pub(crate) fn record(&self, id: JobId) -> Result<Result<JobRecord, UnreadableJob>, Error> {
        let state = self.state()?;
        Ok(self.parse(state).map_err(|reason| {
            let (class, owner) = self.text("tenant").and_then(parse_tenant).unwrap_or_default();
            UnreadableJob { id, owner, class, state, reason }
        }))
    }

    fn parse(&self, state: JobState) -> Result<JobRecord, String> {
        Ok(JobRecord {
            job: parse_job(self.text("job").unwrap_or_default())?,
            state,
            attempt: self.json("attempt")?.unwrap_or(0),
            progress: self.json("progress")?,
            started_ms: self.json("started")?,
            finished_ms: self.json("finished")?,
            result: self.json("result")?,
            failure: self.json("failure")?,
        })
    }

    /// Events that the job has had so far.
    pub(crate) fn events(&self) -> u64 {
        self.text("events").and_then(|events| events.parse().ok()).unwrap_or(1)
    }

    /// The field, if it is there and not empty: scripts clear a field by emptying it.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    fn json<T: serde::de::DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, String> {
        let parse = |json| serde_json::from_str(json).map_err(|error| format!("{name}: {}", position_of(&error)));
        self.text(name).map(parse).transpose()
    }
}

/// Reads a job, refusing layouts that are newer than this build.
pub(crate) fn parse_job(json: &str) -> Result<Job, String> {
    #[derive(Deserialize)]
    struct Version {
        v: u64,
    }
    let invalid = |error: serde_json::Error| format!("job: {}", position_of(&error));
    let Version { v } = serde_json::from_str(json).map_err(invalid)?;
    if v > u64::from(Job::VERSION) {
        return Err(format!("job: version {v} is newer than {}", Job::VERSION));
    }
    serde_json::from_str(json).map_err(invalid)
}

/// What is wrong and where. The text of the error itself may quote stored values.
fn position_of(error: &serde_json::Error) -> String {
    format!("{:?} error at line {}, column {}", error.classify(), error.line(), error.column())
}

pub(crate) fn parse_state(text: &str) -> Result<JobState, Error> {
    use JobState::{Cancelled, Failed, Queued, Running, Succeeded};
    let state = [Queued, Running, Succeeded, Failed, Cancelled].into_iter().find(|state| state.as_str() == text);
    state.ok_or(Error::Corrupt { what: "the state of a job", source: None })
}

pub(crate) fn parse_id(text: &str) -> Result<JobId, Error> {
    text.parse().map_err(|_| Error::Corrupt { what: "the id of a job", source: None })
}

/// Class and owner of a tenant, which is written `class:owner`.
pub(crate) fn parse_tenant(tenant: &str) -> Option<(Class, String)> {
    let (class, owner) = tenant.split_once(':')?;
    let class = Class::ALL.into_iter().find(|known| known.as_str() == class)?;
    Some((class, owner.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_layout_is_refused_before_its_content_is_read() {
        let newer = r#"{"v":3,"spec":{"kind":"image_to_mesh","images":"elsewhere"}}"#;
        assert_eq!(parse_job(newer).unwrap_err(), "job: version 3 is newer than 2");
        for broken in ["", "{", "[]", r#"{"v":2}"#, r#"{"v":-1}"#, r#"{"v":"secret"}"#] {
            let reason = parse_job(broken).unwrap_err();
            assert!(reason.starts_with("job: ") && !reason.contains("secret"), "{reason}");
        }
    }
}

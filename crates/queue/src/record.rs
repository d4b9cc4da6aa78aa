//! A job's hash, as a record.

use crate::error::Error;
use domain::{JobRecord, JobState};
use redis::FromRedisValue;
use std::collections::HashMap;

/// The fields of a job's hash.
pub(crate) struct Fields(HashMap<String, String>);

impl FromRedisValue for Fields {
    fn from_redis_value(value: redis::Value) -> Result<Self, redis::ParsingError> {
        HashMap::from_redis_value(value).map(Self)
    }
}

impl Fields {
    pub(crate) fn record(&self) -> Result<Option<JobRecord>, Error> {
        if self.0.is_empty() {
            return Ok(None);
        }
        Ok(Some(JobRecord {
            job: self.json("job")?.ok_or(Error::Corrupt { what: "a job", source: None })?,
            state: parse_state(self.0.get("state").map_or("", String::as_str))?,
            attempt: self.json("attempt")?.unwrap_or(0),
            progress: self.json("progress")?,
            started_ms: self.json("started")?,
            finished_ms: self.json("finished")?,
            result: self.json("result")?,
            failure: self.json("failure")?,
        }))
    }

    /// Events that the job has had so far.
    pub(crate) fn events(&self) -> Result<u64, Error> {
        Ok(self.json("events")?.unwrap_or(0))
    }

    fn json<T: serde::de::DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, Error> {
        self.0.get(name).map(|json| serde_json::from_str(json).map_err(Error::corrupt(name))).transpose()
    }
}

pub(crate) fn parse_state(text: &str) -> Result<JobState, Error> {
    use JobState::{Cancelled, Failed, Queued, Running, Succeeded};
    let state = [Queued, Running, Succeeded, Failed, Cancelled].into_iter().find(|state| state.as_str() == text);
    state.ok_or(Error::Corrupt { what: "a job's state", source: None })
}

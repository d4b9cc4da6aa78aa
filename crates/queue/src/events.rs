//! The stored events of a job.

use crate::entry::Fields;
use crate::error::Error;
use crate::queue::Queue;
use domain::{JobEvent, JobId, JobState};
use redis::streams::StreamRangeReply;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// The number of an event within its job, from 1 without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(pub u64);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

/// Stored events of a job.
pub(crate) struct Stored {
    /// The events asked for, in order. Some may be missing where the stream was trimmed or is over.
    pub(crate) events: Vec<(EventId, JobEvent)>,
    /// The number of the latest event, whether it is among them or not.
    pub(crate) latest: EventId,
    /// No further event will come.
    pub(crate) is_final: bool,
}

impl Queue {
    /// The events of a job after `after`. One round trip.
    pub(crate) async fn stored_events(&self, id: JobId, after: EventId) -> Result<Stored, Error> {
        let mut call = self.call(&self.inner.scripts.events);
        call.arg(id.to_string()).arg(after.0);
        let (fields, stream): (Fields, StreamRangeReply) = self.inner.connections.script(&call).await?;
        if !fields.is_job() {
            return Err(Error::UnknownJob(id));
        }
        let record = fields.record(id)??;
        let latest = EventId(fields.events());

        let mut events = Vec::with_capacity(stream.ids.len() + 3);
        // The first events and the last one are implied by the hash: see the documentation of the crate.
        let implied =
            |state, attempt, at_ms| JobEvent { state, attempt, at_ms, progress: None, result: None, failure: None };
        if after < EventId(1) {
            events.push((EventId(1), implied(JobState::Queued, 0, record.job.submitted_ms)));
        }
        if after < EventId(2)
            && let Some(started) = record.started_ms
        {
            events.push((EventId(2), implied(JobState::Running, 1, started)));
        }
        for entry in stream.ids {
            let number = entry.id.split_once('-').and_then(|(n, _)| n.parse().ok()).map(EventId);
            let json = entry.get::<String>("e");
            let (Some(number), Some(json)) = (number, json) else {
                return Err(Error::Corrupt { what: "an event", source: None });
            };
            events.push((number, serde_json::from_str(&json).map_err(Error::corrupt("an event"))?));
        }
        if record.state.is_terminal() && after < latest {
            let at_ms = record.finished_ms.unwrap_or_default();
            let (state, attempt, result, failure) = (record.state, record.attempt, record.result, record.failure);
            events.push((latest, JobEvent { state, attempt, at_ms, progress: None, result, failure }));
        }
        Ok(Stored { events, latest, is_final: record.state.is_terminal() })
    }
}

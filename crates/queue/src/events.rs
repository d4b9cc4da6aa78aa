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
    /// The events asked for, in order. Some may be missing where the stream was trimmed or is over, and those that this
    /// version cannot read are.
    pub(crate) events: Vec<(EventId, JobEvent)>,
    /// The number up to which the stream was read, events that cannot be read included.
    pub(crate) read_to: EventId,
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
        let mut read_to = after;
        for entry in stream.ids {
            let number = entry.id.split_once('-').and_then(|(n, _)| n.parse().ok());
            let number = EventId(number.ok_or(Error::Corrupt { what: "the number of an event", source: None })?);
            read_to = number;
            match serde_json::from_str(&entry.get::<String>("e").unwrap_or_default()) {
                Ok(event) => events.push((number, event)),
                // Of a newer version, or damaged. The other events and the end of the job are of use without it.
                Err(error) => tracing::warn!(job.id = %id, event = %number, %error, "an event cannot be read"),
            }
        }
        if record.state.is_terminal() && after < latest {
            let at_ms = record.finished_ms.unwrap_or_default();
            let (state, attempt, result, failure) = (record.state, record.attempt, record.result, record.failure);
            events.push((latest, JobEvent { state, attempt, at_ms, progress: None, result, failure }));
        }
        Ok(Stored { events, read_to, latest, is_final: record.state.is_terminal() })
    }
}

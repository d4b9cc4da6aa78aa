//! From the queue's outbox to deliveries.

use crate::endpoint::{Event, Stored};
use crate::{Error, Webhooks};
use domain::{Class, JobRecord, JobState};
use queue::{DomainEvent, Outbox, OutboxEntry, Queue};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Describes a job for the `data` of a message, for a tenant of a class.
pub type Describe = Arc<dyn Fn(&JobRecord, Class) -> Value + Send + Sync>;

/// The consumer group of the outbox.
const GROUP: &str = "webhooks";
/// Events per read, and the time after which unacknowledged ones are delivered again.
const EVENTS: usize = 64;
const REDELIVER: Duration = Duration::from_secs(30);
/// Longest wait of one read.
const WAIT: Duration = Duration::from_secs(1);
/// Pause after an error.
const PAUSE: Duration = Duration::from_secs(1);

impl Webhooks {
    /// Reads events and stores a delivery for each subscribed endpoint, until `shutdown`. An event is acknowledged when
    /// its deliveries are stored.
    pub(crate) async fn feed(&self, queue: &Queue, name: &str, describe: &Describe, shutdown: &CancellationToken) {
        let outbox = queue.outbox(GROUP, name);
        let feed = async {
            loop {
                if let Err(error) = self.feed_once(queue, &outbox, describe).await {
                    tracing::warn!(error, "events could not be read; trying again");
                    sleep(PAUSE).await;
                }
            }
        };
        // Events that are not acknowledged are delivered again.
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = feed => {}
        }
    }

    async fn feed_once(
        &self,
        queue: &Queue,
        outbox: &Outbox,
        describe: &Describe,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let entries = outbox.read(EVENTS, REDELIVER, WAIT).await?;
        let mut tenants = HashMap::new();
        for entry in &entries {
            // An entry that cannot be handled must not delay the others.
            while let Err(error) = self.handle(queue, entry, describe, &mut tenants).await {
                let is_retryable = error.is_retryable();
                let error: Box<dyn std::error::Error + Send + Sync> = error.into();
                tracing::warn!(entry = entry.id, error, is_retryable, "an event could not be handled");
                if !is_retryable {
                    break;
                }
                sleep(PAUSE).await;
            }
        }
        let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
        Ok(outbox.ack(&ids).await?)
    }

    async fn handle(
        &self,
        queue: &Queue,
        entry: &OutboxEntry,
        describe: &Describe,
        tenants: &mut HashMap<String, Arc<[Stored]>>,
    ) -> Result<(), Error> {
        let occurred = match &entry.event {
            Ok(occurred) => occurred,
            Err(error) => {
                tracing::warn!(entry = entry.id, %error, "an event cannot be read");
                return Ok(());
            }
        };
        let Some(event) = Event::named(&occurred.kind) else { return Ok(()) };
        let endpoints = match tenants.get(&occurred.owner) {
            Some(endpoints) => Arc::clone(endpoints),
            None => {
                let endpoints: Arc<[_]> =
                    self.stored(&occurred.owner).await?.0.into_iter().map(|(one, _)| one).collect();
                tenants.insert(occurred.owner.clone(), Arc::clone(&endpoints));
                endpoints
            }
        };
        let wants = |stored: &&Stored| stored.endpoint.disabled.is_none() && stored.endpoint.events.contains(&event);
        let subscribed: Vec<&Stored> = endpoints.iter().filter(wants).collect();
        let Some(first) = subscribed.first() else { return Ok(()) };
        let class = first.class;
        let record = match queue.record(occurred.job).await {
            Ok(record) => record,
            Err(queue::Error::UnreadableJob(_)) => None,
            Err(error) if error.is_retryable() => return Err(Error::Unavailable(Box::new(error))),
            Err(error) => {
                tracing::warn!(job = %occurred.job, error = &error as &dyn std::error::Error, "a job cannot be read");
                None
            }
        };
        let body = body(occurred, event, record.as_ref(), class, describe);
        for stored in subscribed {
            self.enqueue(&occurred.owner, &stored.endpoint.id, &entry.id, event, &body).await?;
        }
        Ok(())
    }
}

/// The message of an event. A job whose record is gone or unreadable is described by its id and state.
fn body(
    occurred: &DomainEvent,
    event: Event,
    record: Option<&JobRecord>,
    class: Option<Class>,
    describe: &Describe,
) -> String {
    let described = record.map(|record| describe(record, class.unwrap_or(record.job.class)));
    let mut data = described.unwrap_or_else(|| json!({ "job_id": occurred.job }));
    // The record may have moved on since the event.
    data["status"] = json!(occurred.state);
    if occurred.state != JobState::Failed
        && let Some(data) = data.as_object_mut()
    {
        data.remove("failure");
    }
    if occurred.attempt > 0 {
        data["attempt"] = json!(occurred.attempt);
    }
    if let Some(fraction) = occurred.fraction {
        data["progress"] = json!(fraction);
    }
    json!({ "type": event.as_str(), "timestamp": rfc3339(occurred.at_ms), "data": data }).to_string()
}

/// Milliseconds since the Unix epoch in the format of RFC 3339.
fn rfc3339(ms: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(ms)).to_string()
}

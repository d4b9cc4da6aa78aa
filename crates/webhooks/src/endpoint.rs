//! Endpoints and the events they subscribe to.

use crate::id::EndpointId;
use domain::Class;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// An event of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = WebhookEvent)]
pub enum Event {
    /// A job was queued, or returned to the queue for another attempt.
    #[serde(rename = "job.queued")]
    JobQueued,
    /// A worker started a job.
    #[serde(rename = "job.started")]
    JobStarted,
    /// A job has completed 25, 50 or 75 % of an attempt.
    #[serde(rename = "job.progress")]
    JobProgress,
    /// A job succeeded.
    #[serde(rename = "job.succeeded")]
    JobSucceeded,
    /// A job failed.
    #[serde(rename = "job.failed")]
    JobFailed,
    /// A job was cancelled.
    #[serde(rename = "job.cancelled")]
    JobCancelled,
}

impl Event {
    /// All events.
    pub const ALL: [Self; 6] =
        [Self::JobQueued, Self::JobStarted, Self::JobProgress, Self::JobSucceeded, Self::JobFailed, Self::JobCancelled];

    /// The events that end a job.
    pub const ENDS: [Self; 3] = [Self::JobSucceeded, Self::JobFailed, Self::JobCancelled];

    /// The event's name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JobQueued => "job.queued",
            Self::JobStarted => "job.started",
            Self::JobProgress => "job.progress",
            Self::JobSucceeded => "job.succeeded",
            Self::JobFailed => "job.failed",
            Self::JobCancelled => "job.cancelled",
        }
    }

    /// The event of this name. `None` for events of a newer version.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }
}

/// An endpoint to add.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub struct NewEndpoint {
    /// The URL to call: `https://`, on the public internet.
    #[schema(example = "https://example.com/hooks/orfeas", max_length = 2048, pattern = "^https?://")]
    pub url: String,
    /// Events to deliver. By default those that end a job: `job.succeeded`, `job.failed` and `job.cancelled`.
    #[serde(default = "ends")]
    #[schema(min_items = 1)]
    pub events: Vec<Event>,
}

fn ends() -> Vec<Event> {
    Event::ENDS.to_vec()
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Webhook)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// The URL that is called.
    pub url: String,
    /// The events it receives.
    #[serde(deserialize_with = "known_events")]
    pub events: Vec<Event>,
    /// Time of creation, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Why it is disabled, if it is: `gone` (it answered 410).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub disabled: Option<String>,
}

/// Reads stored events. Those of a newer version are ignored.
fn known_events<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Event>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    Ok(names.iter().filter_map(|name| Event::named(name)).collect())
}

/// An endpoint as stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Stored {
    #[serde(flatten)]
    pub(crate) endpoint: Endpoint,
    /// The class of the tenant that owns it; absent in endpoints of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) class: Option<Class>,
    /// The latest first, at most two.
    pub(crate) secrets: Vec<StoredSecret>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredSecret {
    /// Sealed, in base64.
    pub(crate) sealed: String,
    /// End of its validity, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) until_ms: Option<u64>,
}

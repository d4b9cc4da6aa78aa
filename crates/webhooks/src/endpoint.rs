//! Where a tenant wants to be called.

use crate::Error;
use domain::JobState;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// Something that a tenant may be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[schema(as = WebhookEvent)]
pub enum Event {
    /// A job's mesh is there.
    #[serde(rename = "job.succeeded")]
    JobSucceeded,
    /// A job cannot be made.
    #[serde(rename = "job.failed")]
    JobFailed,
    /// A job was withdrawn.
    #[serde(rename = "job.cancelled")]
    JobCancelled,
}

impl Event {
    /// All events.
    pub const ALL: [Self; 3] = [Self::JobSucceeded, Self::JobFailed, Self::JobCancelled];

    /// The event's name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::JobSucceeded => "job.succeeded",
            Self::JobFailed => "job.failed",
            Self::JobCancelled => "job.cancelled",
        }
    }

    /// The event of a job that ends in this state.
    pub(crate) fn of(state: JobState) -> Option<Self> {
        match state {
            JobState::Succeeded => Some(Self::JobSucceeded),
            JobState::Failed => Some(Self::JobFailed),
            JobState::Cancelled => Some(Self::JobCancelled),
            JobState::Queued | JobState::Running => None,
        }
    }
}

/// The id of an endpoint: `whk_` and 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, example = "whk_0123456789abcdef0123456789abcdef")]
pub struct EndpointId(String);

impl EndpointId {
    pub(crate) fn random() -> Result<Self, Error> {
        let mut bytes = [0; 16];
        SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Secret(access::Error::Random))?;
        Ok(Self(format!("whk_{}", hex(&bytes))))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EndpointId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fits = text.strip_prefix("whk_").is_some_and(is_hex);
        if fits { Ok(Self(text.to_owned())) } else { Err(Error::UnknownEndpoint) }
    }
}

impl TryFrom<String> for EndpointId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<EndpointId> for String {
    fn from(id: EndpointId) -> Self {
        id.0
    }
}

/// An endpoint that is to be.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook)]
pub struct NewEndpoint {
    /// Where to call: `https://`, on the public internet.
    #[schema(example = "https://example.com/hooks/orfeas", max_length = 2048, pattern = "^https?://")]
    pub url: String,
    /// What to tell; everything unless it says otherwise.
    #[serde(default = "all")]
    #[schema(min_items = 1)]
    pub events: Vec<Event>,
}

fn all() -> Vec<Event> {
    Event::ALL.to_vec()
}

/// An endpoint as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Webhook)]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Where it is called.
    pub url: String,
    /// What it is told.
    pub events: Vec<Event>,
    /// When it was made, milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Why it is called no more, if so: `gone` (it answered 410).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub disabled: Option<String>,
}

/// An endpoint as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(flatten)]
    pub(crate) endpoint: Endpoint,
    /// Sealed, in base64; the latest first, at most two.
    pub(crate) secrets: Vec<KeptSecret>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeptSecret {
    pub(crate) sealed: String,
    /// Until when it signs, milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) until_ms: Option<u64>,
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn is_hex(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

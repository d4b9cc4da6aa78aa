//! One message to one endpoint, and how its attempts went.

use crate::Error;
use crate::endpoint::{EndpointId, Event, hex, is_hex};
use domain::{JobId, JobState};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use utoipa::ToSchema;

/// The id of a delivery, and the `webhook-id` of its message: `msg_` and 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, ToSchema)]
#[schema(value_type = String, example = "msg_0123456789abcdef0123456789abcdef")]
pub struct DeliveryId(String);

impl DeliveryId {
    /// Of the news that a job has ended so, for an endpoint: the same news has the same id.
    pub(crate) fn of(endpoint: &EndpointId, job: JobId, state: JobState) -> Self {
        let news = format!("{endpoint} {job} {}", state.as_str());
        Self(format!("msg_{}", hex(&digest(&SHA256, news.as_bytes()).as_ref()[..16])))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for DeliveryId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let fits = text.strip_prefix("msg_").is_some_and(is_hex);
        if fits { Ok(Self(text.to_owned())) } else { Err(Error::UnknownDelivery) }
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It will be tried (again).
    Pending,
    /// The endpoint has answered with success.
    Delivered,
    /// It was given up.
    Failed,
}

/// How one attempt went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeliveryAttempt)]
pub struct Attempt {
    /// When it began, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How long it took.
    pub took_ms: u64,
    /// What the endpoint answered.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Why there was no answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// One message to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delivery {
    /// Its id, the message's `webhook-id`.
    pub id: DeliveryId,
    /// What it tells.
    pub event: Event,
    /// Where it stands.
    pub state: DeliveryState,
    /// When it was made, milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When it is tried next, milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<u64>,
    /// Its attempts, the first one first.
    pub attempts: Vec<Attempt>,
}

impl Delivery {
    /// From the fields of its hash; the log is JSON objects, each ended by a comma.
    pub(crate) fn read(id: DeliveryId, fields: &HashMap<String, String>) -> Result<Self, Error> {
        let corrupt = || Error::Corrupt("a delivery");
        let field = |name| fields.get(name).ok_or_else(corrupt);
        let log = fields.get("log").map_or("", String::as_str).trim_end_matches(',');
        let state = serde_json::from_value(field("state")?.as_str().into()).map_err(|_| corrupt())?;
        let next_ms = field("next")?.parse().map_err(|_| corrupt())?;
        Ok(Self {
            id,
            event: serde_json::from_value(field("event")?.as_str().into()).map_err(|_| corrupt())?,
            state,
            created_ms: field("created")?.parse().map_err(|_| corrupt())?,
            next_ms: (state == DeliveryState::Pending).then_some(next_ms),
            attempts: serde_json::from_str(&format!("[{log}]")).map_err(|_| corrupt())?,
        })
    }
}

//! A message to an endpoint, and the log of its attempts.

use crate::Error;
use crate::endpoint::Event;
use crate::id::DeliveryId;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use utoipa::ToSchema;

/// State of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// It will be attempted (again).
    Pending,
    /// The endpoint answered with a 2xx status.
    Delivered,
    /// All attempts failed.
    Failed,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = DeliveryAttempt)]
pub struct Attempt {
    /// Time of the attempt, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Its duration in milliseconds.
    pub took_ms: u64,
    /// HTTP status of the response.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// Why there was no response.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
}

/// A message to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Delivery {
    /// Its id, the message's `webhook-id`.
    pub id: DeliveryId,
    /// The event.
    pub event: Event,
    /// Its state.
    pub state: DeliveryState,
    /// Time of creation, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// Time of the next attempt, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_ms: Option<u64>,
    /// Its attempts, oldest first; of many, only the latest are kept.
    pub attempts: Vec<Attempt>,
}

impl Delivery {
    /// Parses the fields of its hash. The log consists of JSON objects, each followed by a comma.
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

//! Audit events and records.

use crate::{KeyId, Operation, TenantId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The request was permitted.
    Allowed,
    /// The request was refused.
    Refused,
    /// No decision: records are missing here; `reason` is their number.
    Gap,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Allowed, Self::Refused, Self::Gap];

    /// Name in JSON and in Redis.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Gap => "gap",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Outcome {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text).ok_or("must be allowed, refused or gap")
    }
}

/// A decision to record.
#[derive(Debug, Clone)]
pub struct Event {
    /// Whether the sender is authenticated; the streams differ.
    pub proven: bool,
    /// The actual or claimed tenant.
    pub tenant: Option<TenantId>,
    /// The actual or claimed key.
    pub key_id: Option<KeyId>,
    /// The operation, if it is known.
    pub operation: Option<Operation>,
    /// The decision.
    pub outcome: Outcome,
    /// The error code of a refusal; empty if permitted.
    pub reason: &'static str,
    /// Client address.
    pub ip: Option<IpAddr>,
    /// Request id as returned to the client; the first 64 bytes are stored.
    pub request_id: String,
}

/// A stored decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Time in milliseconds since the Unix epoch, by Redis's clock.
    pub at_ms: u64,
    /// Whether the sender was authenticated.
    pub proven: bool,
    /// The actual or claimed tenant.
    pub tenant: Option<String>,
    /// The actual or claimed key.
    pub key_id: Option<String>,
    /// The operation.
    pub operation: Option<String>,
    /// The decision.
    pub outcome: Outcome,
    /// The error code of a refusal; empty if permitted.
    pub reason: String,
    /// Client address.
    pub ip: Option<String>,
    /// The request's id.
    pub request_id: String,
}

//! One decision.

use crate::{KeyId, Operation, TenantId};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It was let through.
    Allowed,
    /// It was not.
    Refused,
    /// Nothing was decided: records are missing here, and the reason is how many.
    Gap,
}

impl Outcome {
    const ALL: [Self; 3] = [Self::Allowed, Self::Refused, Self::Gap];

    /// Its name in JSON and in Redis.
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

/// A decision to be recorded. There is no place in it for a secret.
#[derive(Debug, Clone)]
pub struct Event {
    /// Whether the sender is who it says. A record of somebody proven is kept apart from those of strangers.
    pub proven: bool,
    /// Who it is, or claims to be.
    pub tenant: Option<TenantId>,
    /// The key that was used, or claimed.
    pub key_id: Option<KeyId>,
    /// What was asked for, where that was understood.
    pub operation: Option<Operation>,
    /// What was decided.
    pub outcome: Outcome,
    /// Why: the problem's code for what was refused, empty for what was allowed.
    pub reason: &'static str,
    /// Where the request came from.
    pub ip: Option<IpAddr>,
    /// The request's id, as the client was told; at most 64 bytes of it are kept.
    pub request_id: String,
}

/// A decision as it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    /// When, in milliseconds since the Unix epoch, by Redis's clock.
    pub at_ms: u64,
    /// Whether the sender was who it said.
    pub proven: bool,
    /// Who it was, or claimed to be.
    pub tenant: Option<String>,
    /// The key that was used, or claimed.
    pub key_id: Option<String>,
    /// What was asked for.
    pub operation: Option<String>,
    /// What was decided.
    pub outcome: Outcome,
    /// Why; empty for what was allowed.
    pub reason: String,
    /// Where the request came from.
    pub ip: Option<String>,
    /// The request's id.
    pub request_id: String,
}

//! Names of jobs and of stored bytes.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A text that is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind} id")]
pub struct InvalidId {
    /// The kind of id that was expected.
    pub kind: &'static str,
}

/// A job's id: a version 7 UUID, so ids sort by the time of submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

impl JobId {
    /// A new id, later than all earlier ones of this process.
    #[allow(clippy::new_without_default)] // an id is not a default value: two calls differ
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for JobId {
    type Err = InvalidId;

    /// Only the hyphenated lower-case form is an id, so that one job has one name.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let invalid = InvalidId { kind: "job" };
        let id = Self(Uuid::try_parse(text).map_err(|_| invalid.clone())?);
        if id.to_string() == text { Ok(id) } else { Err(invalid) }
    }
}

/// The SHA-256 of stored bytes as 64 lower-case hex digits: bytes are named by their content.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobId(String);

impl BlobId {
    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BlobId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for BlobId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 64 && text.bytes().all(hex) { Ok(Self(text)) } else { Err(InvalidId { kind: "blob" }) }
    }
}

impl From<BlobId> for String {
    fn from(id: BlobId) -> Self {
        id.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn job_ids_have_one_spelling_and_sort_by_time() {
        let (a, b) = (JobId::new(), JobId::new());
        assert!(a < b);
        assert_eq!(a.to_string().parse::<JobId>().unwrap(), a);
        assert!(a.to_string().to_uppercase().parse::<JobId>().is_err());
        assert!("../etc/passwd".parse::<JobId>().is_err());
    }

    #[test]
    fn blob_ids_are_sha256_hex_and_nothing_else() {
        assert!("a".repeat(64).parse::<BlobId>().is_ok());
        for wrong in ["", "A", &"A".repeat(64), &"a".repeat(63), &"../".repeat(22)] {
            assert!(wrong.parse::<BlobId>().is_err(), "{wrong}");
        }
        assert!(serde_json::from_str::<BlobId>("\"../../x\"").is_err());
    }
}

//! Ids of jobs, batches and stored bytes.

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

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later than all earlier ones of this process.
            #[allow(clippy::new_without_default)] // an id is not a default value: two calls differ
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id derived from a digest: its first 16 bytes as a version 8 UUID (RFC 9562, section 5.8). Equal digests
            /// give equal ids, which makes creation under such an id idempotent.
            pub fn derived(digest: &[u8; 32]) -> Self {
                let mut bytes = [0; 16];
                bytes.copy_from_slice(&digest[..16]);
                Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// Accepts only the hyphenated lower-case form, so that each id has exactly one spelling.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let invalid = InvalidId { kind: $kind };
                let id = Self(Uuid::try_parse(text).map_err(|_| invalid.clone())?);
                if id.to_string() == text { Ok(id) } else { Err(invalid) }
            }
        }
    };
}

uuid_id! {
    /// A job's id: a version 7 UUID, which sorts by the time of submission, or one derived from a client's own name for
    /// the job (version 8).
    JobId, "job"
}

uuid_id! {
    /// The id of a batch: jobs that were submitted together, all or none.
    BatchId, "batch"
}

/// The SHA-256 of stored bytes as 64 lower-case hex digits: stored bytes are content-addressed.
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
    fn a_derived_id_depends_only_on_its_digest_and_is_of_version_8() {
        let (a, b) = (JobId::derived(&[1; 32]), JobId::derived(&[2; 32]));
        assert_eq!(a, JobId::derived(&[1; 32]));
        assert_ne!(a, b);
        assert_eq!(a.to_string().as_bytes()[14], b'8', "{a}");
        assert_eq!(a.to_string().parse::<JobId>().unwrap(), a);
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

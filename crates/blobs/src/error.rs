//! What can go wrong, by what a caller can do about it.

use domain::BlobId;
use std::ops::Range;

/// An error of the blob store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such blob: it never was, or it was removed.
    #[error("there is no blob {0}")]
    NotFound(BlobId),
    /// The blob is larger than is allowed here.
    #[error("{bytes} bytes are too many: {max} are allowed")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The largest size allowed.
        max: u64,
    },
    /// The range does not lie within the blob.
    #[error("bytes {} to {} are not within the blob's {size}", range.start, range.end)]
    Range {
        /// What was asked for.
        range: Range<u64>,
        /// The blob's size in bytes.
        size: u64,
    },
    /// The bytes are not those that the blob is named by.
    #[error("blob {0} is damaged")]
    Damaged(BlobId),
    /// The place is of a kind that this program was built without.
    #[error("{scheme}:// stores are not built into this program; give a directory")]
    NotBuiltIn {
        /// The kind of store asked for.
        scheme: String,
    },
    /// The place is not one where blobs can be kept.
    #[error("blobs cannot be kept in {place}")]
    Place {
        /// What was given.
        place: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store failed.
    #[error("the blob store failed")]
    Store(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(_) => true,
            Self::NotFound(_)
            | Self::TooLarge { .. }
            | Self::Range { .. }
            | Self::Damaged(_)
            | Self::NotBuiltIn { .. }
            | Self::Place { .. } => false,
        }
    }
}

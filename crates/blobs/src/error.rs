//! The errors of the blob store.

use domain::BlobId;
use std::error::Error as StdError;
use std::io;
use std::ops::Range;

/// An error of the blob store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such blob: it was never put, or it was removed.
    #[error("there is no blob {0}")]
    NotFound(BlobId),
    /// The blob is larger than the limit.
    #[error("{bytes} bytes exceed the limit of {max}")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The largest size allowed.
        max: u64,
    },
    /// The range does not lie within the blob.
    #[error("bytes {} to {} are not within the blob's {size}", range.start, range.end)]
    Range {
        /// The requested range.
        range: Range<u64>,
        /// The blob's size in bytes.
        size: u64,
    },
    /// The bytes do not have the SHA-256 that is the name of the blob.
    #[error("blob {0} is damaged")]
    Damaged(BlobId),
    /// Support for this kind of store is not built in.
    #[error("{scheme}:// stores are not built into this program; give a directory")]
    NotBuiltIn {
        /// The scheme of the given URL.
        scheme: String,
    },
    /// Blobs cannot be kept in this place.
    #[error("blobs cannot be kept in {place}")]
    Place {
        /// The given directory or URL.
        place: String,
        /// The cause.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The disk, or the quota on it, is full.
    #[error("the blob store is full")]
    Full(#[source] Box<dyn StdError + Send + Sync>),
    /// The store failed.
    #[error("the blob store failed")]
    Store(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Full(_) | Self::Store(_) => true,
            Self::NotFound(_)
            | Self::TooLarge { .. }
            | Self::Range { .. }
            | Self::Damaged(_)
            | Self::NotBuiltIn { .. }
            | Self::Place { .. } => false,
        }
    }

    /// An error of the store about a blob.
    pub(crate) fn of(id: &BlobId, error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound(id.clone()),
            error => Self::store(error),
        }
    }

    /// An error of the store.
    pub(crate) fn store(error: impl StdError + Send + Sync + 'static) -> Self {
        if is_full(&error) { Self::Full(Box::new(error)) } else { Self::Store(Box::new(error)) }
    }
}

/// Whether one of the causes is that no space is left.
fn is_full(error: &(dyn StdError + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(|error| {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    })
}

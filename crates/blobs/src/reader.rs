//! Reading a blob in parts.

use crate::blobs::Blobs;
use crate::error::Error;
use bytes::Bytes;
use domain::BlobId;
use std::ops::Range;

/// A blob that is read in parts. Its size is looked up once, when it is opened.
#[derive(Debug, Clone)]
pub struct BlobReader {
    blobs: Blobs,
    id: BlobId,
    size: u64,
}

impl Blobs {
    /// Opens a blob for reading in parts.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn reader(&self, id: &BlobId) -> Result<BlobReader, Error> {
        let meta = self.head(id).await?;
        Ok(BlobReader { blobs: self.clone(), id: id.clone(), size: meta.size })
    }
}

impl BlobReader {
    /// The id of the blob.
    pub fn id(&self) -> &BlobId {
        &self.id
    }

    /// The size of the blob in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Reads the bytes from `range.start` to before `range.end`. Parts are not verified against the SHA-256.
    ///
    /// # Errors
    /// [`Error::Range`], [`Error::TooLarge`] when the part is, [`Error::NotFound`] when the blob was removed since,
    /// [`Error::Store`].
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, Error> {
        if range.start > range.end || range.end > self.size {
            return Err(Error::Range { range, size: self.size });
        }
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        self.blobs.read(&self.id, range).await
    }
}

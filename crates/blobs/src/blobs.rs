//! The blob store: putting, reading and removing blobs.

use crate::error::Error;
use crate::options::BlobOptions;
use crate::store::{self, Store};
use bytes::Bytes;
use domain::BlobId;
use object_store::{ObjectMeta, ObjectStoreExt};
use ring::digest::{SHA256, digest};
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

/// Up to this size a blob is hashed on the calling thread; larger ones are hashed on a blocking thread.
const HASH_INLINE_MAX: usize = 256 * 1024;

/// The blob store. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Blobs {
    pub(crate) store: Arc<Store>,
    max_bytes: u64,
    verify: bool,
}

impl Blobs {
    /// Opens the store. A local directory is created if it does not exist.
    ///
    /// # Errors
    /// [`Error::Place`], [`Error::NotBuiltIn`].
    pub fn open(options: &BlobOptions) -> Result<Self, Error> {
        let store = Arc::new(store::open(&options.blobs)?);
        Ok(Self { store, max_bytes: options.blob_max_bytes, verify: options.blob_verify })
    }

    /// Stores bytes under their SHA-256. When this returns the blob is complete and on disk. Storing the same bytes
    /// again is harmless and resets the age of the blob.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Full`], [`Error::Store`].
    pub async fn put(&self, bytes: Bytes) -> Result<BlobId, Error> {
        self.check_size(bytes.len() as u64)?;
        let id = hash(bytes.clone()).await?;
        self.store.objects.put(&store::path(&id), bytes.into()).await.map_err(|error| Error::of(&id, error))?;
        Ok(id)
    }

    /// Resets the age of a blob, as putting it again does.
    ///
    /// # Errors
    /// As [`get`](Self::get) and [`put`](Self::put).
    pub async fn touch(&self, id: &BlobId) -> Result<(), Error> {
        let bytes = self.get(id).await?;
        self.put(bytes).await.map(drop)
    }

    /// Reads a whole blob and, unless the options say otherwise, verifies its SHA-256.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TooLarge`], [`Error::Damaged`], [`Error::Store`].
    pub async fn get(&self, id: &BlobId) -> Result<Bytes, Error> {
        let found = self.store.find(id, |objects, path| async move { objects.get(&path).await }).await?;
        // Before any byte is read: the limit may be lower than when the blob was put.
        self.check_size(found.meta.size)?;
        let bytes = found.bytes().await.map_err(|error| Error::of(id, error))?;
        if self.verify && hash(bytes.clone()).await? != *id {
            return Err(Error::Damaged(id.clone()));
        }
        Ok(bytes)
    }

    /// The size of a blob in bytes; `None` if there is no such blob.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn size(&self, id: &BlobId) -> Result<Option<u64>, Error> {
        match self.head(id).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a blob. A blob that does not exist is not an error.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove(&self, id: &BlobId) -> Result<(), Error> {
        match self.store.objects.delete(&store::path(id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::of(id, error)),
        }
    }

    /// Reads a range that lies within the blob.
    pub(crate) async fn read(&self, id: &BlobId, range: Range<u64>) -> Result<Bytes, Error> {
        self.check_size(range.end - range.start)?;
        let read = |objects: store::Objects, path| {
            let range = range.clone();
            async move { objects.get_range(&path, range).await }
        };
        self.store.find(id, read).await
    }

    pub(crate) async fn head(&self, id: &BlobId) -> Result<ObjectMeta, Error> {
        self.store.find(id, |objects, path| async move { objects.head(&path).await }).await
    }

    fn check_size(&self, bytes: u64) -> Result<(), Error> {
        if bytes <= self.max_bytes { Ok(()) } else { Err(Error::TooLarge { bytes, max: self.max_bytes }) }
    }
}

async fn hash(bytes: Bytes) -> Result<BlobId, Error> {
    if bytes.len() <= HASH_INLINE_MAX {
        return Ok(sha256(&bytes));
    }
    tokio::task::spawn_blocking(move || sha256(&bytes)).await.map_err(|error| Error::Store(Box::new(error)))
}

fn sha256(bytes: &[u8]) -> BlobId {
    let mut hex = String::with_capacity(64);
    for byte in digest(&SHA256, bytes).as_ref() {
        write!(hex, "{byte:02x}").expect("writing to a string does not fail. This is a bug.");
    }
    hex.try_into().expect("a SHA-256 in hex is a blob id. This is a bug.")
}

//! Garbage collection: deleting blobs that nothing refers to.
//!
//! A blob may be put again at the moment at which a collection finds it old. A blob is therefore first renamed into the
//! directory `trash`, and its age is read there: a put that came before the rename shows in the age, and the blob is
//! renamed back; a put that comes after it creates the file anew. Readers that do not find a blob look in the trash as
//! well, so a blob that is kept is readable at every moment. What an interrupted collection left in the trash is treated
//! in the same way by the next one.

use crate::blobs::Blobs;
use crate::error::Error;
use crate::store;
use domain::BlobId;
use futures_util::StreamExt;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use std::time::SystemTime;

/// What [`Blobs::collect_garbage`] deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Collected {
    /// Number of blobs.
    pub blobs: u64,
    /// Their total size.
    pub bytes: u64,
}

impl Blobs {
    /// Deletes every blob that was last put before `put_before` and for which `is_referenced` is false, and temporary
    /// files of interrupted puts of that age. Other files are left alone. Several collections, also of other processes,
    /// may run at once, beside any number of puts and reads.
    ///
    /// # Errors
    /// [`Error::Store`]: what was deleted before stays deleted.
    pub async fn collect_garbage(
        &self,
        put_before: SystemTime,
        mut is_referenced: impl FnMut(&BlobId) -> bool,
    ) -> Result<Collected, Error> {
        let mut collected = Collected::default();
        let mut is_garbage =
            |id: &BlobId, meta: &ObjectMeta| SystemTime::from(meta.last_modified) < put_before && !is_referenced(id);

        let objects = &self.store.objects;
        // Lists what is in the trash as well.
        let mut listed = objects.list(None);
        while let Some(meta) = listed.next().await.transpose().map_err(Error::store)? {
            let Some(id) = meta.location.filename().and_then(|name| name.parse::<BlobId>().ok()) else { continue };
            if meta.location == store::path(&id) {
                if !is_garbage(&id, &meta) || !moved(objects.rename(&meta.location, &store::trash_path(&id)).await)? {
                    continue;
                }
            } else if meta.location != store::trash_path(&id) {
                continue;
            }
            if let Some(bytes) = self.decide(&id, &mut is_garbage).await? {
                collected.blobs += 1;
                collected.bytes += bytes;
            }
        }
        self.store.remove_stale_files(put_before).await?;
        Ok(collected)
    }

    /// Deletes a blob in the trash, or puts it back. Returns the size of a deleted blob.
    async fn decide(
        &self,
        id: &BlobId,
        is_garbage: &mut impl FnMut(&BlobId, &ObjectMeta) -> bool,
    ) -> Result<Option<u64>, Error> {
        let (objects, trash) = (&self.store.objects, store::trash_path(id));
        let meta = match objects.head(&trash).await {
            Ok(meta) => meta,
            // Another collection was faster.
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(Error::store(error)),
        };
        if is_garbage(id, &meta) {
            return Ok(moved(objects.delete(&trash).await)?.then_some(meta.size));
        }
        moved(objects.rename(&trash, &store::path(id)).await)?;
        Ok(None)
    }
}

/// Whether the file was there.
fn moved(outcome: object_store::Result<()>) -> Result<bool, Error> {
    match outcome {
        Ok(()) => Ok(true),
        Err(object_store::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(Error::store(error)),
    }
}

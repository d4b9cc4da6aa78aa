//! The blob store.

use crate::error::Error;
use crate::options::BlobOptions;
use crate::store;
use bytes::Bytes;
use domain::BlobId;
use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use ring::digest::{SHA256, digest};
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Bytes that are hashed on the spot; more than these go to a thread that may block (some milliseconds).
const HASH_INLINE: usize = 256 * 1024;

/// The blob store. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    max_bytes: u64,
    verify: bool,
}

/// What [`Blobs::remove_older_than`] took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Number of blobs.
    pub blobs: u64,
    /// Their size together.
    pub bytes: u64,
}

impl Blobs {
    /// Opens the store. A local directory is made when it is not there.
    ///
    /// # Errors
    /// [`Error::Place`], [`Error::NotBuiltIn`].
    pub fn open(options: &BlobOptions) -> Result<Self, Error> {
        let store = store::open(&options.blobs)?;
        Ok(Self { store, max_bytes: options.blob_max_bytes, verify: options.blob_verify })
    }

    /// Stores bytes under their SHA-256. They are there as a whole when this returns, and safe on disk. Storing the
    /// same bytes again is harmless and makes them new.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Store`].
    pub async fn put(&self, bytes: Bytes) -> Result<BlobId, Error> {
        self.check_size(bytes.len() as u64)?;
        let id = hash(bytes.clone()).await?;
        self.store.put(&path(&id), bytes.into()).await.map_err(failed(&id))?;
        Ok(id)
    }

    /// A whole blob, held against its SHA-256 unless the options say otherwise.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::TooLarge`], [`Error::Damaged`], [`Error::Store`].
    pub async fn get(&self, id: &BlobId) -> Result<Bytes, Error> {
        let found = self.store.get(&path(id)).await.map_err(failed(id))?;
        // Before any byte is read: the limit may be lower than when the blob was put.
        self.check_size(found.meta.size)?;
        let bytes = found.bytes().await.map_err(failed(id))?;
        if self.verify && hash(bytes.clone()).await? != *id {
            return Err(Error::Damaged(id.clone()));
        }
        Ok(bytes)
    }

    /// Part of a blob, `range.start` included, `range.end` not. It is not held against the SHA-256.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Range`], [`Error::TooLarge`] when the part is, [`Error::Store`].
    pub async fn get_range(&self, id: &BlobId, range: Range<u64>) -> Result<Bytes, Error> {
        let size = self.size(id).await?.ok_or_else(|| Error::NotFound(id.clone()))?;
        if range.start > range.end || range.end > size {
            return Err(Error::Range { range, size });
        }
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        self.check_size(range.end - range.start)?;
        self.store.get_range(&path(id), range).await.map_err(failed(id))
    }

    /// A blob's size in bytes; `None` when there is no such blob.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn size(&self, id: &BlobId) -> Result<Option<u64>, Error> {
        match self.store.head(&path(id)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(Error::Store(Box::new(error))),
        }
    }

    /// Takes a blob away. One that is not there is no error.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove(&self, id: &BlobId) -> Result<(), Error> {
        match self.store.delete(&path(id)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(Error::Store(Box::new(error))),
        }
    }

    /// Takes away every blob that was last put longer than `age` ago. Nothing but blobs is touched.
    ///
    /// # Errors
    /// [`Error::Store`]: what was removed before stays removed.
    pub async fn remove_older_than(&self, age: Duration) -> Result<Removed, Error> {
        let store_error = |error| Error::Store(Box::new(error));
        let mut removed = Removed::default();
        let mut listed = self.store.list(None).map_err(store_error);
        while let Some(meta) = listed.next().await.transpose()? {
            let Some(id) = meta.location.filename().and_then(|name| name.parse::<BlobId>().ok()) else { continue };
            // A time in the future is no age.
            let is_old = SystemTime::now().duration_since(meta.last_modified.into()).is_ok_and(|old| old > age);
            if is_old && path(&id) == meta.location {
                self.remove(&id).await?;
                removed.blobs += 1;
                removed.bytes += meta.size;
            }
        }
        Ok(removed)
    }

    fn check_size(&self, bytes: u64) -> Result<(), Error> {
        if bytes <= self.max_bytes { Ok(()) } else { Err(Error::TooLarge { bytes, max: self.max_bytes }) }
    }
}

/// `ab/cd/abcd…`
fn path(id: &BlobId) -> Path {
    let id = id.as_str();
    Path::from_iter([&id[..2], &id[2..4], id])
}

fn failed(id: &BlobId) -> impl FnOnce(object_store::Error) -> Error {
    let id = id.clone();
    |error| match error {
        object_store::Error::NotFound { .. } => Error::NotFound(id),
        error => Error::Store(Box::new(error)),
    }
}

async fn hash(bytes: Bytes) -> Result<BlobId, Error> {
    if bytes.len() <= HASH_INLINE {
        return Ok(sha256(&bytes));
    }
    tokio::task::spawn_blocking(move || sha256(&bytes)).await.map_err(|error| Error::Store(Box::new(error)))
}

fn sha256(bytes: &[u8]) -> BlobId {
    let mut hex = String::with_capacity(64);
    for byte in digest(&SHA256, bytes).as_ref() {
        write!(hex, "{byte:02x}").expect("a string can be written to. This is a bug.");
    }
    hex.try_into().expect("a SHA-256 in hex is a blob id. This is a bug.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use tempfile::TempDir;

    fn blobs_with(change: impl FnOnce(&mut BlobOptions)) -> (Blobs, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let mut options = BlobOptions::at(directory.path().join("blobs").to_str().unwrap());
        change(&mut options);
        (Blobs::open(&options).unwrap(), directory)
    }

    fn file(directory: &TempDir, id: &BlobId) -> std::path::PathBuf {
        directory.path().join("blobs").join(path(id).as_ref())
    }

    #[tokio::test]
    async fn bytes_come_back_under_their_sha256() {
        let (blobs, directory) = blobs_with(|_| {});
        let id = blobs.put(Bytes::from_static(b"abc")).await.unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(id.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(blobs.put(Bytes::from_static(b"abc")).await.unwrap(), id);
        assert_eq!(blobs.get(&id).await.unwrap(), "abc");
        assert_eq!(blobs.size(&id).await.unwrap(), Some(3));
        assert_eq!(fs::read(directory.path().join(format!("blobs/ba/78/{id}"))).unwrap(), b"abc");

        let large = Bytes::from(vec![7; HASH_INLINE + 1]);
        let id = blobs.put(large.clone()).await.unwrap();
        assert_eq!(id, sha256(&large));
        assert_eq!(blobs.get(&id).await.unwrap(), large);
    }

    #[tokio::test]
    async fn parts_of_a_blob() {
        let (blobs, _directory) = blobs_with(|_| {});
        let id = blobs.put(Bytes::from_static(b"0123456789")).await.unwrap();
        assert_eq!(blobs.get_range(&id, 3..7).await.unwrap(), "3456");
        assert_eq!(blobs.get_range(&id, 10..10).await.unwrap(), "");
        #[allow(clippy::reversed_empty_ranges)]
        for wrong in [5..11, 11..12, 6..5] {
            assert!(matches!(blobs.get_range(&id, wrong).await, Err(Error::Range { size: 10, .. })));
        }
    }

    #[tokio::test]
    async fn what_is_not_there() {
        let (blobs, _directory) = blobs_with(|_| {});
        let id = sha256(b"never put");
        assert!(matches!(blobs.get(&id).await, Err(Error::NotFound(missing)) if missing == id));
        assert!(matches!(blobs.get_range(&id, 0..1).await, Err(Error::NotFound(_))));
        assert_eq!(blobs.size(&id).await.unwrap(), None);
        blobs.remove(&id).await.unwrap();
    }

    #[tokio::test]
    async fn sizes_are_bounded_on_both_ways() {
        let (small, directory) = blobs_with(|options| options.blob_max_bytes = 4);
        assert!(matches!(small.put("12345".into()).await, Err(Error::TooLarge { bytes: 5, max: 4 })));
        let place = directory.path().join("blobs");
        let large = Blobs::open(&BlobOptions::at(place.to_str().unwrap())).unwrap();
        let id = large.put("12345".into()).await.unwrap();
        assert!(matches!(small.get(&id).await, Err(Error::TooLarge { bytes: 5, max: 4 })));
        assert_eq!(small.get_range(&id, 1..5).await.unwrap(), "2345");
    }

    #[tokio::test]
    async fn damage_is_seen_unless_nobody_looks() {
        for verify in [true, false] {
            let (blobs, directory) = blobs_with(|options| options.blob_verify = verify);
            let id = blobs.put("intact".into()).await.unwrap();
            fs::write(file(&directory, &id), "broken").unwrap();
            match blobs.get(&id).await {
                Err(Error::Damaged(damaged)) => assert!(verify && damaged == id),
                other => assert!(!verify && other.unwrap() == "broken"),
            }
            // Putting the bytes again repairs it.
            blobs.put("intact".into()).await.unwrap();
            assert_eq!(blobs.get(&id).await.unwrap(), "intact");
        }
    }

    #[tokio::test]
    async fn writers_of_the_same_blob_do_not_disturb_readers() {
        let (blobs, directory) = blobs_with(|_| {});
        let bytes = Bytes::from(vec![42; 300_000]);
        let id = blobs.put(bytes.clone()).await.unwrap();
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let (blobs, bytes) = (blobs.clone(), bytes.clone());
                tokio::spawn(async move { blobs.put(bytes).await.unwrap() })
            })
            .collect();
        for _ in 0..50 {
            assert_eq!(blobs.get(&id).await.unwrap(), bytes);
        }
        for writer in writers {
            assert_eq!(writer.await.unwrap(), id);
        }
        let folder = file(&directory, &id).parent().unwrap().to_owned();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "no half-written file is left");
    }

    #[tokio::test]
    async fn only_old_blobs_are_removed_and_putting_makes_new() {
        let (blobs, directory) = blobs_with(|_| {});
        let mut ids = vec![];
        for text in ["old", "old but put again", "new"] {
            ids.push(blobs.put(text.into()).await.unwrap());
        }
        let yesterday = SystemTime::now() - Duration::from_secs(86_400);
        let make_old = |path: &std::path::Path| fs::File::open(path).unwrap().set_modified(yesterday).unwrap();
        ids[..2].iter().for_each(|id| make_old(&file(&directory, id)));
        let stranger = directory.path().join("blobs/README");
        fs::write(&stranger, "not a blob").unwrap();
        make_old(&stranger);

        blobs.put("old but put again".into()).await.unwrap();
        let removed = blobs.remove_older_than(Duration::from_secs(3600)).await.unwrap();
        assert_eq!(removed, Removed { blobs: 1, bytes: 3 });
        assert_eq!(blobs.size(&ids[0]).await.unwrap(), None);
        assert!(blobs.size(&ids[1]).await.unwrap().is_some() && blobs.size(&ids[2]).await.unwrap().is_some());
        assert!(stranger.exists());
    }

    #[test]
    fn places() {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("file://{}/x/y", directory.path().display());
        Blobs::open(&BlobOptions::at(url)).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(directory.path().join("x/y")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o700);
        }
        let open = |place: &str| Blobs::open(&BlobOptions::at(place)).unwrap_err();
        assert!(matches!(open("s3://bucket/x"), Error::NotBuiltIn { scheme } if scheme == "s3"));
        assert!(matches!(open("file://relative"), Error::Place { .. }));
        assert!(matches!(open("file:///tmp/a%20b"), Error::Place { .. }));
        assert!(matches!(open("/proc/no/such/place"), Error::Place { .. }));
    }
}

//! From the text of an option to a store, and the layout of blobs in it.

use crate::error::Error;
use domain::BlobId;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

pub(crate) type Objects = Arc<dyn ObjectStore>;

/// Where a collection keeps blobs while it decides about them.
const TRASH: &str = "trash";

/// An opened store.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) objects: Objects,
    /// The local directory.
    root: PathBuf,
}

/// Opens the store at `place`: a directory or its `file://` URL.
pub(crate) fn open(place: &str) -> Result<Store, Error> {
    match place.split_once("://") {
        None => directory(place.into()),
        // An escaped path would name another directory than the one meant.
        Some(("file", path)) if path.starts_with('/') && !path.contains('%') => directory(path.into()),
        Some(("file", _)) => {
            let source = "a file:// URL must hold an absolute path without escapes; give a plain path instead";
            Err(Error::Place { place: place.to_owned(), source: source.into() })
        }
        Some((scheme, _)) => Err(Error::NotBuiltIn { scheme: scheme.to_owned() }),
    }
}

fn directory(root: PathBuf) -> Result<Store, Error> {
    let error =
        |source: Box<dyn std::error::Error + Send + Sync>| Error::Place { place: root.display().to_string(), source };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    // Only the owner may read the images and meshes of tenants, whatever the umask is.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&root).map_err(|source| error(source.into()))?;
    let files = LocalFileSystem::new_with_prefix(&root).map_err(|source| error(source.into()))?;
    // A job refers to a blob as soon as it is put, so the blob must survive a power failure that the job survives.
    Ok(Store { objects: Arc::new(files.with_fsync(true)), root })
}

/// `ab/cd/abcd…`
pub(crate) fn path(id: &BlobId) -> Path {
    let id = id.as_str();
    Path::from_iter([&id[..2], &id[2..4], id])
}

pub(crate) fn trash_path(id: &BlobId) -> Path {
    Path::from_iter([TRASH, id.as_str()])
}

impl Store {
    /// Reads a blob from its place or, while a collection decides about it, from the trash.
    pub(crate) async fn find<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        id: &BlobId,
        read: impl Fn(Objects, Path) -> F,
    ) -> Result<T, Error> {
        // A blob may move between two looks, from its place into the trash or back; twice when two collections run.
        for path in [path(id), trash_path(id), path(id), trash_path(id), path(id)] {
            match read(Arc::clone(&self.objects), path).await {
                Err(object_store::Error::NotFound { .. }) => {}
                found => return found.map_err(|error| Error::of(id, error)),
            }
        }
        Err(Error::NotFound(id.clone()))
    }

    /// Removes temporary files (`<id>#<n>`) that processes left behind which ended while they put a blob.
    pub(crate) async fn remove_stale_files(&self, older_than: SystemTime) -> Result<(), Error> {
        let root = self.root.clone();
        let removed = tokio::task::spawn_blocking(move || {
            for outer in subdirectories(&root)? {
                for inner in subdirectories(&outer)? {
                    remove_stale_files_of(&inner, older_than)?;
                }
            }
            Ok(())
        });
        let removed: std::io::Result<()> = removed.await.map_err(Error::store)?;
        removed.map_err(Error::store)
    }
}

/// The directories in `of` that are named by two hex digits.
fn subdirectories(of: &std::path::Path) -> std::io::Result<Vec<PathBuf>> {
    let is_digits = |name: &[u8]| name.len() == 2 && name.iter().all(u8::is_ascii_hexdigit);
    let mut found = Vec::new();
    for entry in fs::read_dir(of)? {
        let entry = entry?;
        if is_digits(entry.file_name().as_encoded_bytes()) && entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn remove_stale_files_of(directory: &std::path::Path, older_than: SystemTime) -> std::io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let is_temporary = name.to_str().and_then(|name| name.split_once('#')).is_some_and(|(id, number)| {
            id.parse::<BlobId>().is_ok() && number.bytes().all(|digit| digit.is_ascii_digit())
        });
        // Another collection may have removed it meanwhile.
        if is_temporary && entry.metadata().is_ok_and(|meta| meta.modified().is_ok_and(|at| at < older_than)) {
            let _ = fs::remove_file(entry.path());
        }
    }
    Ok(())
}

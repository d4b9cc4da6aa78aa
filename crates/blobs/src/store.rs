//! From the text of an option to a store.

use crate::error::Error;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use std::path::Path;
use std::sync::Arc;

/// The store at `place`: a directory or its `file://` URL.
pub(crate) fn open(place: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    match place.split_once("://") {
        None => directory(Path::new(place)),
        // An escaped path would name another directory than the one meant.
        Some(("file", path)) if path.starts_with('/') && !path.contains('%') => directory(Path::new(path)),
        Some(("file", _)) => {
            let source = "a file:// URL must hold an absolute path without escapes; give a plain path instead";
            Err(Error::Place { place: place.to_owned(), source: source.into() })
        }
        Some((scheme, _)) => Err(Error::NotBuiltIn { scheme: scheme.to_owned() }),
    }
}

fn directory(path: &Path) -> Result<Arc<dyn ObjectStore>, Error> {
    let error =
        |source: Box<dyn std::error::Error + Send + Sync>| Error::Place { place: path.display().to_string(), source };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    // Pictures are other people's: the directory is closed to everybody but its owner, whatever the umask says.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| error(source.into()))?;
    let store = LocalFileSystem::new_with_prefix(path).map_err(|source| error(source.into()))?;
    // A blob is referred to as soon as it is put: it must not be lost with the machine's power when the job is not.
    Ok(Arc::new(store.with_fsync(true)))
}

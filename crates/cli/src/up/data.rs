//! The data directory: everything that `up` keeps from one run to the next.
//!
//! ```text
//! DATA/lock            held while an `up` runs here
//! DATA/up.json         where its services are (only while it runs)
//! DATA/api-key         the API key, readable by its owner only
//! DATA/master-key      what opens the registry of tenants, readable by its owner only
//! DATA/redis/          Redis's append-only file
//! DATA/blobs/          pictures and meshes
//! DATA/logs/           one file for each process; the one before it is kept as NAME.log.1
//! ```

use crate::Error;
use access::MasterKey;
use anyhow::{Context, anyhow};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A data directory that this process holds.
pub(super) struct Data {
    root: PathBuf,
    /// Released by the system when the process ends, however it ends.
    _lock: File,
}

impl Data {
    /// Makes the directory if it is not there, and takes its lock.
    pub(super) fn open(root: &Path) -> Result<Self, Error> {
        let cannot = || format!("the data directory {} cannot be used", root.display());
        DirBuilder::new().recursive(true).mode(0o700).create(root).with_context(cannot)?;
        let root = root.canonicalize().with_context(cannot)?;
        for part in ["redis", "blobs", "logs"] {
            DirBuilder::new().recursive(true).mode(0o700).create(root.join(part)).with_context(cannot)?;
        }
        let path = root.join("lock");
        let mut lock =
            File::options().read(true).write(true).create(true).truncate(false).open(path).with_context(cannot)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = lock.read_to_string(&mut holder);
                return Err(Error::Unavailable(format!(
                    "another `orfeas up` (process {}) runs in {}; stop it, or choose another directory with --data",
                    holder.trim(),
                    root.display(),
                )));
            }
            Err(TryLockError::Error(error)) => return Err(anyhow!(error).context(cannot()).into()),
        }
        let stamp = |lock: &mut File| {
            lock.set_len(0)?;
            lock.rewind()?;
            writeln!(lock, "{}", std::process::id())
        };
        stamp(&mut lock).with_context(cannot)?;
        Ok(Self { root, _lock: lock })
    }

    /// A path inside the directory.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The directory.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// The file of the master key.
    pub(super) fn master_key_file(&self) -> PathBuf {
        Self::master_key_of(&self.root)
    }

    /// The file of the master key in a data directory.
    pub(super) fn master_key_of(root: &Path) -> PathBuf {
        root.join("master-key")
    }

    /// The directory's master key; it is made at the first start.
    pub(super) fn master_key(&self) -> Result<MasterKey, Error> {
        let file = self.master_key_file();
        Ok(if file.exists() { MasterKey::read(&file) } else { MasterKey::create(&file) }?)
    }

    /// An empty log file for a process; the log of the run before is kept beside it.
    pub(super) fn log(&self, name: &str) -> Result<PathBuf, Error> {
        let path = self.path("logs").join(format!("{name}.log"));
        if path.exists() {
            fs::rename(&path, path.with_extension("log.1")).with_context(|| path.display().to_string())?;
        }
        File::create(&path).with_context(|| path.display().to_string())?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_up_at_a_time_in_one_directory() {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::open(folder.path()).unwrap();
        let Err(error) = Data::open(folder.path()) else { panic!("a directory was opened twice") };
        assert_eq!(error.code(), 3);
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(data);
        Data::open(folder.path()).unwrap();
    }
}

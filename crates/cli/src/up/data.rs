//! The data directory: everything that `up` keeps from one run to the next.
//!
//! ```text
//! DATA/lock            locked while an `up` runs here
//! DATA/up.json         addresses and process ids of its services (only while it runs)
//! DATA/api-key         the API key, readable by its owner only
//! DATA/master-key      the master key of the registry of tenants, readable by its owner only
//! DATA/redis/          Redis's append-only file
//! DATA/blobs/          images and meshes
//! DATA/logs/           NAME.log and NAME.err of each process, and what came before as NAME.log.1
//! ```

use super::child::error_log;
use crate::Error;
use access::MasterKey;
use anyhow::{Context, anyhow};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A data directory that is locked by this process.
pub(super) struct Data {
    root: PathBuf,
    /// Released by the system when the process ends, however it ends.
    _lock: File,
}

impl Data {
    /// Makes the directory if needed, and locks it.
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

    /// The directory's master key, which is made at the first start.
    pub(super) fn master_key(&self) -> Result<MasterKey, Error> {
        let file = self.master_key_file();
        Ok(if file.exists() { MasterKey::read(&file) } else { MasterKey::create(&file) }?)
    }

    /// An empty log file for a process; the log of the run before is kept beside it.
    pub(super) fn log(&self, name: &str) -> Result<PathBuf, Error> {
        let log = self.path("logs").join(format!("{name}.log"));
        for path in [error_log(&log), log.clone()] {
            if path.exists() {
                fs::rename(&path, path.with_added_extension("1")).with_context(|| path.display().to_string())?;
            }
            File::create(&path).with_context(|| path.display().to_string())?;
        }
        Ok(log)
    }

    /// Moves the content of logs that have grown beyond `max_bytes` to NAME.log.1. The processes keep their files open
    /// for appending, so the content is copied and the file truncated; lines written in between are lost.
    pub(super) fn rotate_logs(&self, max_bytes: u64) {
        for entry in fs::read_dir(self.path("logs")).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_log = path.extension().is_some_and(|end| end == "log" || end == "err");
            if !is_log || entry.metadata().is_ok_and(|metadata| metadata.len() <= max_bytes) {
                continue;
            }
            // Even without room for the copy the log must not grow on.
            let _ = fs::copy(&path, path.with_added_extension("1"));
            let _ = File::options().write(true).open(&path).and_then(|file| file.set_len(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_kept_once_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::open(folder.path()).unwrap();
        let log = data.log("it").unwrap();
        let mut file = File::options().append(true).open(&log).unwrap();
        file.write_all(b"first\n").unwrap();
        data.rotate_logs(6);
        assert_eq!(fs::read(&log).unwrap(), b"first\n", "it is not beyond the limit");
        data.rotate_logs(5);
        file.write_all(b"second\n").unwrap();
        assert_eq!(fs::read(&log).unwrap(), b"second\n", "a process goes on in the same file");
        assert_eq!(fs::read(log.with_added_extension("1")).unwrap(), b"first\n");
        data.log("it").unwrap();
        assert_eq!(fs::read(log.with_added_extension("1")).unwrap(), b"second\n");
        assert_eq!(fs::read(&log).unwrap(), b"");
    }

    #[test]
    fn a_directory_can_be_locked_once() {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::open(folder.path()).unwrap();
        let Err(error) = Data::open(folder.path()) else { panic!("the directory was locked twice") };
        assert_eq!(error.code(), 3);
        assert!(error.to_string().contains(&format!("process {}", std::process::id())), "{error}");
        drop(data);
        Data::open(folder.path()).unwrap();
    }
}

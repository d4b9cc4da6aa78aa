//! What a running `orfeas up` tells other programs about itself.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Where the services are, and a key that opens them. It stands in `up.json` in the data directory, and in the file that
/// `--ready-file` names; both can be read by their owner only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Where pictures are sent.
    pub gateway_url: String,
    /// Where jobs are asked after and results fetched: the same.
    pub status_url: String,
    /// The API key of this data directory.
    pub api_key: String,
    /// Where its Redis listens.
    #[serde(default)]
    pub redis_socket: PathBuf,
    /// Process ids by name: `up` itself, `redis`, `gateway`, `worker-1`, ….
    pub pids: BTreeMap<String, u32>,
}

impl Session {
    /// The session's file in a data directory.
    pub fn file(data: &Path) -> PathBuf {
        data.join("up.json")
    }

    /// Reads the session of the `up` that runs in a data directory; `None` when none runs there.
    pub fn find(data: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(Self::file(data)).ok()?).ok()
    }

    /// Writes it, whole or not at all, for its owner's eyes only.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        write_private(path, &json)
    }
}

/// Writes a file that only its owner can read; it is never seen half-written.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Temporary files are made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(|| folder.display().to_string())?;
    file.write_all(bytes).and_then(|()| file.flush()).with_context(|| path.display().to_string())?;
    file.persist(path).map_err(|error| error.error).with_context(|| path.display().to_string())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_session_is_found_again_and_only_by_its_owner() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(Session::find(data.path()), None);
        let session = Session {
            gateway_url: "http://127.0.0.1:1".to_owned(),
            status_url: "http://127.0.0.1:2".to_owned(),
            api_key: "orf_live_x".to_owned(),
            redis_socket: "/data/redis.sock".into(),
            pids: [("up".to_owned(), 7)].into(),
        };
        session.write(&Session::file(data.path())).unwrap();
        assert_eq!(Session::find(data.path()), Some(session));
        let mode = std::fs::metadata(Session::file(data.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

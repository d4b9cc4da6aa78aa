//! The file in which a running `orfeas up` describes itself to other programs.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Addresses of the services, and an API key for them. Written to `up.json` in the data directory and to the file that
/// `--ready-file` names; both are readable by their owner only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Address of the gateway.
    pub gateway_url: String,
    /// Address of the status service: the same.
    pub status_url: String,
    /// The API key of this data directory.
    pub api_key: String,
    /// URL of its Redis.
    #[serde(default)]
    pub redis_url: String,
    /// Process ids by name: `up` itself, `redis`, `gateway`, `worker-1`, ….
    pub pids: BTreeMap<String, u32>,
    /// Programs that do not stay up, with the reason.
    #[serde(default)]
    pub problems: BTreeMap<String, String>,
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

    /// Writes it atomically, readable by its owner only.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self)?;
        write_private(path, &json)
    }
}

/// Writes a file that only its owner can read. Readers never see a partial file.
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
    fn a_session_is_read_back_and_private() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(Session::find(data.path()), None);
        let session = Session {
            gateway_url: "http://127.0.0.1:1".to_owned(),
            status_url: "http://127.0.0.1:2".to_owned(),
            api_key: "orf_live_x".to_owned(),
            redis_url: "redis+unix:///data/redis.sock".to_owned(),
            pids: [("up".to_owned(), 7)].into(),
            problems: BTreeMap::new(),
        };
        session.write(&Session::file(data.path())).unwrap();
        assert_eq!(Session::find(data.path()), Some(session));
        let mode = std::fs::metadata(Session::file(data.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::writer::{beside, persist};
use crate::{Error, Fetched};

/// The origin of a model directory: `origin.json` beside the weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The published model.
    pub name: String,
    /// The URL of the hub.
    pub hub: String,
    /// Repository on the hub.
    pub repo: String,
    /// Folder in the repository.
    pub subfolder: String,
    /// The requested revision.
    pub revision: String,
    /// The commit of that revision, if the hub reported it.
    pub commit: Option<String>,
    /// The files as they were fetched.
    pub files: Vec<Fetched>,
}

const NAME: &str = "origin.json";

impl Origin {
    /// Writes it into a model directory.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, dir: &Path) -> Result<PathBuf, Error> {
        let path = dir.join(NAME);
        let mut file = beside(&path)?;
        serde_json::to_writer_pretty(&mut file, self)
            .map_err(std::io::Error::from)
            .and_then(|()| file.write_all(b"\n"))
            .map_err(Error::io(&path))?;
        persist(file, &path)?;
        Ok(path)
    }

    /// Reads it from a model directory; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Io`] if it is there and unreadable.
    pub fn read(dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(NAME);
        match std::fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::Io { path, source: error.into() })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Io { path, source }),
        }
    }
}

//! What can go wrong with keys.

use std::path::PathBuf;

/// A keyring that cannot be read or written, or a key that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of keys cannot be read.
    #[error("the API keys file {path} cannot be read", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file of keys cannot be written.
    #[error("the API keys file {path} cannot be written", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is no list of hashed keys.
    #[error("the API keys file {path} is not a list of {{owner, sha256}}", path = path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        #[source]
        source: serde_json::Error,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
}

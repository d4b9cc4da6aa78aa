//! Errors, grouped by what the caller can do.

use crate::{KeyId, TenantId};
use std::path::PathBuf;

/// An error of the registry. No message contains a key, a secret, or the password of the Redis URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system's random number generator failed.
    #[error("the system's random number generator failed")]
    Random,
    /// No master key is configured.
    #[error("no master key: give --master-key-file (ORFEAS_MASTER_KEY_FILE) or ORFEAS_MASTER_KEY")]
    NoMasterKey,
    /// The file of the master key cannot be read or written.
    #[error("the master key file {path} cannot be used", path = path.display())]
    MasterKeyFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// Other users of the machine can read the master key file.
    #[error("the master key file {path} is readable by other users: run chmod 600 on it", path = path.display())]
    MasterKeyExposed {
        /// The file.
        path: PathBuf,
    },
    /// The text is not a master key.
    #[error(
        "a master key is 64 hexadecimal digits (32 random bytes, as `openssl rand -hex 32` makes them), or up to 8 times that"
    )]
    MasterKeyForm,
    /// The registry was created with another master key, so its keys and secrets cannot be read.
    #[error("the tenants in Redis were registered with another master key than the configured ones")]
    OtherMasterKey,
    /// Invalid properties of a tenant; the text names the problem.
    #[error("{0}")]
    Invalid(&'static str),
    /// Invalid limits of a tenant.
    #[error("limits: {0}")]
    Limits(serde_json::Error),
    /// The name is taken.
    #[error("the name {0:?} is taken by another tenant")]
    NameTaken(String),
    /// There is no such tenant.
    #[error("there is no tenant {0:?}")]
    UnknownTenant(String),
    /// The tenant has no such key.
    #[error("there is no key {0}")]
    UnknownKey(KeyId),
    /// The tenant is revoked and gets no new keys.
    #[error("the tenant {0} is revoked")]
    Disabled(TenantId),
    /// The tenant has the maximum number of active keys.
    #[error("the tenant already has {max} active keys: revoke one first")]
    TooManyKeys {
        /// The limit.
        max: u32,
    },
    /// Concurrent changes kept interfering.
    #[error("{0} is being changed concurrently: try again")]
    Contended(String),
    /// Redis cannot be reached or is loading: try again later.
    #[error("Redis is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Redis refuses writes (its disk or memory is full, it is a replica, or it lacks replicas): try again later. Reads
    /// work.
    #[error("Redis refuses writes")]
    ReadOnly(#[source] redis::RedisError),
    /// The server is older than Redis 7.0, which the scripts need.
    #[error("Redis {found} is too old: 7.0 is needed")]
    Unsupported {
        /// The server's version.
        found: String,
    },
    /// Redis refused a command: wrong password, missing permissions, or a bug in this crate.
    #[error("Redis refused a command")]
    Redis(#[source] redis::RedisError),
    /// A stored record of this crate is invalid.
    #[error("{0} in Redis is unreadable")]
    Corrupt(&'static str),
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::ReadOnly(_) | Self::Contended(_))
    }
}

impl From<redis_client::Error> for Error {
    fn from(error: redis_client::Error) -> Self {
        match error {
            redis_client::Error::Unavailable(source) => match source.downcast::<redis::RedisError>() {
                // A replica answers reads.
                Ok(error) if error.code() == Some("READONLY") => Self::ReadOnly(*error),
                Ok(error) => Self::Unavailable(error),
                Err(source) => Self::Unavailable(source),
            },
            redis_client::Error::Memory(error)
            | redis_client::Error::Disk(error)
            | redis_client::Error::Replicas(error) => Self::ReadOnly(error),
            redis_client::Error::Refused(error) => Self::Redis(error),
        }
    }
}

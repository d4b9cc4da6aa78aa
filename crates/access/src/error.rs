//! What can go wrong, by what a caller can do about it.

use crate::{KeyId, TenantId};
use std::path::PathBuf;

/// An error of the registry. No message contains a key, a secret, or the password of the Redis URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    Random,
    /// There is no master key: neither option was given.
    #[error("no master key: give --master-key-file (ORFEAS_MASTER_KEY_FILE) or ORFEAS_MASTER_KEY")]
    NoMasterKey,
    /// The file of the master key cannot be read or written.
    #[error("the master key file {path} cannot be used", path = path.display())]
    MasterKeyFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file of the master key can be read by everybody on the machine.
    #[error("the master key file {path} can be read by others: chmod 600 it", path = path.display())]
    MasterKeyExposed {
        /// The file.
        path: PathBuf,
    },
    /// The text is no master key.
    #[error(
        "a master key is 64 hexadecimal digits (32 random bytes, as `openssl rand -hex 32` makes them), or up to 8 times that"
    )]
    MasterKeyForm,
    /// The registry was made with another master key: every key and secret in it would be unreadable.
    #[error("the tenants in Redis were registered with another master key: none that is given opens them")]
    OtherMasterKey,
    /// A tenant cannot be as asked for; the text says what is wrong with it.
    #[error("{0}")]
    Invalid(&'static str),
    /// The limits of a tenant cannot be as asked for.
    #[error("limits: {0}")]
    Limits(serde_json::Error),
    /// Another tenant has the name already.
    #[error("another tenant has the name {0:?} already")]
    NameTaken(String),
    /// There is no such tenant.
    #[error("there is no tenant {0:?}")]
    UnknownTenant(String),
    /// There is no such key, or not of this tenant.
    #[error("there is no key {0}")]
    UnknownKey(KeyId),
    /// The tenant is revoked, so it gets no new keys.
    #[error("the tenant {0} is revoked")]
    Disabled(TenantId),
    /// The tenant has as many working keys as a tenant may have.
    #[error("the tenant has {most} working keys already: revoke one first")]
    TooManyKeys {
        /// The bound.
        most: u32,
    },
    /// A tenant, or all of the registry, was changed by several at once, again and again.
    #[error("{0} is being changed by somebody else: try again")]
    Contended(String),
    /// Redis cannot be reached, is loading, or is out of memory: try again later.
    #[error("Redis is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Redis refused a command: a wrong password, missing rights, or a defect of this crate.
    #[error("Redis refused a command")]
    Redis(#[source] redis::RedisError),
    /// Something stored under this crate's keys is not what it writes.
    #[error("{0} in Redis is not readable")]
    Corrupt(&'static str),
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Contended(_))
    }
}

impl From<redis_client::Error> for Error {
    fn from(error: redis_client::Error) -> Self {
        match error {
            redis_client::Error::Unavailable(source) => Self::Unavailable(source),
            redis_client::Error::Memory(error) => Self::Unavailable(Box::new(error)),
            redis_client::Error::Refused(error) => Self::Redis(error),
        }
    }
}

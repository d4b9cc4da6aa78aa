//! Errors, grouped by what the caller can do.

use egress::Refused;

/// An error of this crate. No message contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint's URL is not permitted.
    #[error("{0}")]
    Url(#[source] Refused),
    /// The tenant has the maximum number of endpoints.
    #[error("there are already {max} endpoints: remove one first")]
    TooMany {
        /// The limit.
        max: u32,
    },
    /// The tenant has no such endpoint.
    #[error("there is no such endpoint")]
    UnknownEndpoint,
    /// The endpoint has no such delivery.
    #[error("there is no such delivery")]
    UnknownDelivery,
    /// A secret could not be generated or sealed.
    #[error("a secret could not be generated")]
    Secret(#[source] access::Error),
    /// Redis cannot be reached, is loading, or refuses writes because its disk or memory is full: try again later.
    #[error("Redis is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
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
        match self {
            Self::Unavailable(_) => true,
            Self::Url(_)
            | Self::TooMany { .. }
            | Self::UnknownEndpoint
            | Self::UnknownDelivery
            | Self::Secret(_)
            | Self::Redis(_)
            | Self::Corrupt(_) => false,
        }
    }
}

impl From<redis_client::Error> for Error {
    fn from(error: redis_client::Error) -> Self {
        match error {
            redis_client::Error::Unavailable(source) => Self::Unavailable(source),
            redis_client::Error::Memory(error)
            | redis_client::Error::Disk(error)
            | redis_client::Error::Replicas(error) => Self::Unavailable(Box::new(error)),
            redis_client::Error::Refused(error) => Self::Redis(error),
        }
    }
}

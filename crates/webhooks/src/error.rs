//! What can go wrong, by what a caller can do about it.

use egress::Refused;

/// An error of this crate. No message contains a secret.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The endpoint's URL is not one that is called from here.
    #[error("{0}")]
    Url(#[source] Refused),
    /// The tenant has as many endpoints as a tenant may have.
    #[error("there are {most} endpoints already: remove one first")]
    TooMany {
        /// The bound.
        most: u32,
    },
    /// There is no such endpoint, or not of this tenant.
    #[error("there is no such endpoint")]
    UnknownEndpoint,
    /// There is no such delivery, or not of this endpoint.
    #[error("there is no such delivery")]
    UnknownDelivery,
    /// A secret could not be made or sealed.
    #[error("no secret could be made")]
    Secret(#[source] access::Error),
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

impl From<redis_client::Error> for Error {
    fn from(error: redis_client::Error) -> Self {
        match error {
            redis_client::Error::Unavailable(source) => Self::Unavailable(source),
            redis_client::Error::Memory(error) | redis_client::Error::Disk(error) => Self::Unavailable(Box::new(error)),
            redis_client::Error::Refused(error) => Self::Redis(error),
        }
    }
}

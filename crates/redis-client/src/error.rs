//! What can go wrong, by what a caller can do about it.

use redis::{ErrorKind, RedisError, ServerErrorKind as Server};

/// A command that failed. No message contains the password of the Redis URL.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis cannot be reached, does not answer in time, or is loading: try again later.
    #[error("Redis is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Redis is out of memory: try again later. Nothing was written.
    #[error("Redis is out of memory")]
    Memory(#[source] RedisError),
    /// Redis refused the command (a wrong password, missing rights, a defect of the caller), or its answer is of
    /// another type than was asked for.
    #[error("Redis refused a command")]
    Refused(#[source] RedisError),
}

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            _ if error.code() == Some("OOM") => Self::Memory(error),
            ErrorKind::Io
            | ErrorKind::Server(Server::BusyLoading | Server::MasterDown | Server::ReadOnly | Server::TryAgain) => {
                Self::Unavailable(Box::new(error))
            }
            _ => Self::Refused(error),
        }
    }
}

impl From<deadpool_redis::PoolError> for Error {
    fn from(error: deadpool_redis::PoolError) -> Self {
        match error {
            deadpool_redis::PoolError::Backend(error) => error.into(),
            error => Self::Unavailable(Box::new(error)),
        }
    }
}

//! Errors, grouped by what a caller can do about them.

use redis::{ErrorKind, RedisError, ServerErrorKind as Server};

/// A command that failed. No message contains the password of the Redis URL.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Redis cannot be reached, does not answer in time, is loading, or is a replica since a failover: try again later.
    #[error("Redis is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Redis is out of memory: try again later. Nothing was written.
    #[error("Redis is out of memory")]
    Memory(#[source] RedisError),
    /// Redis cannot write to its disk and refuses all writes: try again later. Nothing was written.
    #[error("Redis cannot write to its disk")]
    Disk(#[source] RedisError),
    /// Fewer replicas are connected than `min-replicas-to-write` demands, so Redis refuses all writes: try again later.
    /// Nothing was written.
    #[error("Redis has too few replicas to accept writes")]
    Replicas(#[source] RedisError),
    /// Redis refused the command (a wrong password, missing permissions, a defect of the caller), or its answer has
    /// another type than was asked for.
    #[error("Redis refused a command")]
    Refused(#[source] RedisError),
}

impl Error {
    /// The same error once more, for another caller of one shared command.
    pub fn duplicate(&self) -> Self {
        match self {
            Self::Unavailable(source) => Self::Unavailable(source.to_string().into()),
            Self::Memory(error) => Self::Memory(error.clone()),
            Self::Disk(error) => Self::Disk(error.clone()),
            Self::Replicas(error) => Self::Replicas(error.clone()),
            Self::Refused(error) => Self::Refused(error.clone()),
        }
    }
}

/// Error codes of a server that refuses a command for a while; the redis crate has no kinds for them.
const TEMPORARY: [&str; 3] = ["UNBLOCKED", "NOGOODSLAVE", "BUSY"];

impl From<RedisError> for Error {
    fn from(error: RedisError) -> Self {
        match error.code() {
            Some("OOM") => Self::Memory(error),
            Some("MISCONF") => Self::Disk(error),
            Some("NOREPLICAS") => Self::Replicas(error),
            _ if is_temporary(&error) => Self::Unavailable(Box::new(error)),
            _ => Self::Refused(error),
        }
    }
}

fn is_temporary(error: &RedisError) -> bool {
    match error.kind() {
        ErrorKind::Io => true,
        ErrorKind::Server(
            Server::BusyLoading
            | Server::MasterDown
            | Server::ReadOnly
            | Server::TryAgain
            | Server::ClusterDown
            | Server::ExecAbort,
        ) => true,
        _ => error.code().is_some_and(|code| TEMPORARY.contains(&code)),
    }
}

/// Whether the server at the other end is no longer the primary. The command did not run, and a new connection may lead
/// to the new primary.
pub(crate) fn is_demoted(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(Server::ReadOnly | Server::MasterDown))
        || error.code() == Some("UNBLOCKED")
}

/// Whether the connection is of no more use.
pub(crate) fn breaks_connection(error: &RedisError) -> bool {
    is_demoted(error) || error.is_io_error() || error.is_unrecoverable_error()
}

#[cfg(test)]
mod tests {
    use super::*;
    use redis::parse_redis_value;

    fn answer(line: &str) -> RedisError {
        parse_redis_value(format!("-{line}\r\n").as_bytes()).and_then(redis::Value::extract_error).unwrap_err()
    }

    #[test]
    fn each_error_code_has_one_meaning() {
        for code in [
            "LOADING Redis is loading the dataset in memory",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "READONLY You can't write against a read only replica.",
            "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
            "CLUSTERDOWN The cluster is down",
            "TRYAGAIN Multiple keys request during rehashing of slot",
            "EXECABORT Transaction discarded because of previous errors.",
            "BUSY Redis is busy running a script.",
        ] {
            assert!(matches!(Error::from(answer(code)), Error::Unavailable(_)), "{code}");
        }
        assert!(matches!(Error::from(answer("OOM command not allowed")), Error::Memory(_)));
        assert!(matches!(Error::from(answer("MISCONF Errors writing to the AOF file")), Error::Disk(_)));
        assert!(matches!(Error::from(answer("NOREPLICAS Not enough good replicas to write.")), Error::Replicas(_)));
        for code in ["NOPERM no permissions", "WRONGPASS invalid", "ERR unknown command", "WRONGTYPE against a key"] {
            assert!(matches!(Error::from(answer(code)), Error::Refused(_)), "{code}");
        }
    }

    #[test]
    fn a_demoted_primary_costs_the_connection_and_a_loading_one_does_not() {
        for (code, breaks) in
            [("READONLY x", true), ("UNBLOCKED x", true), ("MASTERDOWN x", true), ("LOADING x", false)]
        {
            assert_eq!(breaks_connection(&answer(code)), breaks, "{code}");
        }
        assert!(!breaks_connection(&answer("OOM x")) && !breaks_connection(&answer("MISCONF x")));
    }
}

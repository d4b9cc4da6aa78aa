//! Errors, grouped by what a caller can do about them.

use crate::entry::UnreadableJob;
use domain::{Class, JobId};
use std::time::Duration;

/// An error of the queue. No message contains the Redis URL's password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The queue has as many waiting jobs as it may.
    #[error("the queue is full: {depth} jobs wait")]
    Full {
        /// The class that is full.
        class: Class,
        /// Jobs that wait in it.
        depth: u64,
        /// When there may be room, at the recent pace.
        retry_after: Duration,
    },
    /// The tenant has as many jobs, queued and running, as it may.
    #[error("{active} of at most {most} jobs of the tenant are queued or running")]
    TooManyActive {
        /// Its jobs that have not ended.
        active: u64,
        /// Most that it may have.
        most: u64,
        /// When one of them may end, at the recent pace.
        retry_after: Duration,
    },
    /// The tenant has as many jobs waiting as it may.
    #[error("{queued} of at most {most} jobs of the tenant are queued")]
    TooManyQueued {
        /// Its jobs that wait.
        queued: u64,
        /// Most that may.
        most: u64,
        /// When one of them may start, at the recent pace.
        retry_after: Duration,
    },
    /// Jobs with as many different needs wait as the queue tells apart.
    #[error("the queue has {lanes} lanes, and the needs of the job belong to none of them")]
    TooManyLanes {
        /// The lanes that there are.
        lanes: u64,
        /// When there may be room.
        retry_after: Duration,
    },
    /// A name in the needs of a job or the capabilities of a worker is not valid.
    #[error(transparent)]
    InvalidName(#[from] domain::InvalidName),
    /// The id was used for another request.
    #[error("another request was made under this id")]
    Conflict,
    /// The jobs do not form a valid batch; the text gives the reason.
    #[error("{0}")]
    InvalidBatch(&'static str),
    /// Redis is out of memory: try again later. Nothing was written.
    #[error("Redis is out of memory")]
    Memory(#[source] redis::RedisError),
    /// Redis cannot write to its disk: try again later. Nothing was written.
    #[error("Redis cannot write to its disk")]
    Disk(#[source] redis::RedisError),
    /// Fewer replicas are connected than Redis requires for a write (`min-replicas-to-write`): try again later. Nothing
    /// was written.
    #[error("Redis has too few replicas to accept writes")]
    Replicas(#[source] redis::RedisError),
    /// The job cannot be handed over because it has no further step.
    #[error("job {0} has no further step")]
    NoNextStep(JobId),
    /// A script failed: keys were changed from outside, or it is a defect of this crate.
    #[error("a script failed: {0}")]
    Script(String),
    /// There is no such job, or its retention is over.
    #[error("there is no job {0}")]
    UnknownJob(JobId),
    /// There is no such dead letter, or it has been redriven or discarded.
    #[error("there is no dead letter {0}")]
    UnknownLetter(String),
    /// The job of the dead letter cannot be read by this version.
    #[error("the job of dead letter {letter} cannot be read: {reason}")]
    UnreadableLetter {
        /// The id of the letter.
        letter: String,
        /// What is wrong, without any stored content.
        reason: String,
    },
    /// The attempt no longer holds its job (its lease ran out, or the job has ended): the write was refused, and further
    /// work on this attempt is wasted.
    #[error("attempt {attempt} no longer holds job {job}")]
    Lost {
        /// The job.
        job: JobId,
        /// The attempt that wrote.
        attempt: u32,
    },
    /// Redis cannot be reached, or is loading: try again later.
    #[error("Redis is not available")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Redis refused a command: a wrong password, missing rights, or a defect of this crate.
    #[error("Redis refused a command")]
    Redis(#[source] redis::RedisError),
    /// The Redis server is older than this crate needs.
    #[error("Redis {found} is too old: 7.0 is needed")]
    Unsupported {
        /// The server's version.
        found: String,
    },
    /// Redis holds unfinished jobs in the key layout of a version before lanes. This version would not run them.
    #[error(
        "Redis holds {jobs} unfinished jobs of an earlier version, which this version cannot run: let workers of that \
         version finish them, or use another --queue-prefix; DEL {key} discards them"
    )]
    OldLayout {
        /// The unfinished jobs.
        jobs: u64,
        /// The key that lists them.
        key: String,
    },
    /// The record of the job cannot be read by this version. It is no outage: the job may be of a newer version.
    #[error(transparent)]
    UnreadableJob(#[from] UnreadableJob),
    /// Data under the keys of the queue that this crate did not write.
    #[error("{what} in Redis cannot be read")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// Why it is not readable.
        #[source]
        source: Option<serde_json::Error>,
    },
}

impl Error {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Full { .. }
            | Self::TooManyActive { .. }
            | Self::TooManyQueued { .. }
            | Self::TooManyLanes { .. }
            | Self::Memory(_)
            | Self::Disk(_)
            | Self::Replicas(_)
            | Self::Unavailable(_) => true,
            Self::InvalidName(_)
            | Self::Conflict
            | Self::InvalidBatch(_)
            | Self::UnknownJob(_)
            | Self::UnknownLetter(_)
            | Self::UnreadableLetter { .. }
            | Self::Lost { .. }
            | Self::Redis(_)
            | Self::NoNextStep(_)
            | Self::Script(_)
            | Self::Unsupported { .. }
            | Self::OldLayout { .. }
            | Self::UnreadableJob(_)
            | Self::Corrupt { .. } => false,
        }
    }

    pub(crate) fn corrupt(what: &'static str) -> impl FnOnce(serde_json::Error) -> Self {
        move |source| Self::Corrupt { what, source: Some(source) }
    }
}

impl From<redis_client::Error> for Error {
    fn from(error: redis_client::Error) -> Self {
        match error {
            redis_client::Error::Unavailable(source) => Self::Unavailable(source),
            redis_client::Error::Memory(error) => Self::Memory(error),
            redis_client::Error::Disk(error) => Self::Disk(error),
            redis_client::Error::Replicas(error) => Self::Replicas(error),
            redis_client::Error::Refused(error) => Self::Redis(error),
        }
    }
}

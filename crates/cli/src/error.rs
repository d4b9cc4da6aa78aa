//! Errors of the program: one line for people, one exit code for scripts.
//!
//! | code | meaning |
//! |---:|---|
//! | 0 | everything asked for was done |
//! | 1 | a file could not be read or written, or something unexpected happened |
//! | 2 | the command line is wrong |
//! | 3 | something needed is missing: a server, a program, a model, a free port, a free data directory |
//! | 4 | a job failed or was cancelled |
//! | 5 | the server refused a request |
//! | 130 | interrupted by Ctrl-C |

use std::io;
use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something unexpected, most often a file.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
    /// Standard output cannot be written.
    #[error("standard output cannot be written: {0}")]
    Output(io::Error),
    /// The command line makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Something needed is missing.
    #[error("{0}")]
    Unavailable(String),
    /// The job ended without a mesh.
    #[error("{0}")]
    Job(String),
    /// The server or the registry of tenants refused the request.
    #[error("{0}")]
    Refused(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// The exit code, as in the table above. A reader of standard output that has seen enough is no failure.
    pub fn code(&self) -> u8 {
        match self {
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Self::Other(_) | Self::Output(_) => 1,
            Self::Usage(_) => 2,
            Self::Unavailable(_) => 3,
            Self::Job(_) => 4,
            Self::Refused(_) => 5,
            Self::Interrupted => 130,
        }
    }

    /// The same error with a prefix that says what it is about.
    pub(crate) fn about(self, what: impl std::fmt::Display) -> Self {
        match self {
            Self::Other(error) => Self::Other(error.context(what.to_string())),
            Self::Usage(line) => Self::Usage(format!("{what}: {line}")),
            Self::Unavailable(line) => Self::Unavailable(format!("{what}: {line}")),
            Self::Job(line) => Self::Job(format!("{what}: {line}")),
            Self::Refused(line) => Self::Refused(format!("{what}: {line}")),
            error @ (Self::Output(_) | Self::Interrupted) => error,
        }
    }
}

impl From<access::Error> for Error {
    fn from(error: access::Error) -> Self {
        use access::Error as Access;
        match error {
            Access::Invalid(_) | Access::Limits(_) | Access::MasterKeyForm | Access::NoMasterKey => {
                Self::Usage(error.to_string())
            }
            Access::NameTaken(_)
            | Access::UnknownTenant(_)
            | Access::UnknownKey(_)
            | Access::Disabled(_)
            | Access::TooManyKeys { .. }
            | Access::OtherMasterKey => Self::Refused(error.to_string()),
            Access::Unavailable(_) | Access::ReadOnly(_) | Access::Unsupported { .. } => {
                Self::Unavailable(format!("{:#}", anyhow::Error::from(error)))
            }
            error => Self::Other(error.into()),
        }
    }
}

impl From<queue::Error> for Error {
    fn from(error: queue::Error) -> Self {
        use queue::Error as Queue;
        match error {
            Queue::UnknownLetter(_) | Queue::UnreadableLetter { .. } => Self::Refused(error.to_string()),
            Queue::Unavailable(_) | Queue::Memory(_) | Queue::Disk(_) | Queue::Unsupported { .. } => {
                Self::Unavailable(format!("{:#}", anyhow::Error::from(error)))
            }
            error => Self::Other(error.into()),
        }
    }
}

impl From<checkpoint::Error> for Error {
    fn from(error: checkpoint::Error) -> Self {
        match error {
            checkpoint::Error::NotFound { .. } => Self::Unavailable(error.to_string()),
            checkpoint::Error::UnknownModel { .. } => Self::Usage(error.to_string()),
            error => Self::Other(error.into()),
        }
    }
}

impl From<&Error> for ExitCode {
    fn from(error: &Error) -> Self {
        Self::from(error.code())
    }
}

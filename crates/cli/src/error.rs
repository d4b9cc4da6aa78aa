//! How `orfeas` fails: one line for people, one code for scripts.
//!
//! | code | meaning |
//! |---:|---|
//! | 0 | everything asked for was done |
//! | 1 | a file could not be read or written, or something unexpected happened |
//! | 2 | the command line is wrong |
//! | 3 | something needed is not there: a server, a program, a model, a free port, a free data directory |
//! | 4 | a job failed or was cancelled |
//! | 5 | the server refused a request |
//! | 130 | interrupted by Ctrl-C |

use std::process::ExitCode;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something unexpected, most often a file.
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
    /// The command line asks for something that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Something that is needed is not there.
    #[error("{0}")]
    Unavailable(String),
    /// The job ended without a mesh.
    #[error("{0}")]
    Job(String),
    /// The server refused the request, or the registry of tenants did.
    #[error("{0}")]
    Refused(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// The exit code, as in the table above.
    pub fn code(&self) -> u8 {
        match self {
            Self::Other(_) => 1,
            Self::Usage(_) => 2,
            Self::Unavailable(_) => 3,
            Self::Job(_) => 4,
            Self::Refused(_) => 5,
            Self::Interrupted => 130,
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

impl From<&Error> for ExitCode {
    fn from(error: &Error) -> Self {
        Self::from(error.code())
    }
}

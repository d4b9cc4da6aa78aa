//! What can go wrong on the way out.

use std::io;

/// Why a call was not made, or came to nothing. The text is for whoever gave the URL: it names no address.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is no URL that is called from here.
    #[error("{0}")]
    Url(&'static str),
    /// The name, or one of the addresses behind it, leads where strangers may not send anybody.
    #[error("The host is not on the public internet.")]
    Inside,
    /// The name has no address.
    #[error("The host is not known.")]
    Unknown(#[source] Option<io::Error>),
    /// No connection, or one that broke off.
    #[error("The host cannot be reached.")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// No trust in the other side's certificate.
    #[error("No secure connection to the host can be made.")]
    Insecure(#[source] io::Error),
    /// It took too long.
    #[error("The host took too long to answer.")]
    TooSlow,
    /// It answered with something else than success.
    #[error("The host answered with the status {0}.")]
    Status(u16),
    /// It sent more than was asked for.
    #[error("The answer is larger than {0} bytes.")]
    TooLarge(usize),
    /// It sent a compressed answer, though none was asked for.
    #[error("The answer is compressed, which is not taken.")]
    Encoded,
}

impl Refused {
    /// One word, for a metric's label.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Inside => "inside",
            Self::Unknown(_) => "unknown",
            Self::Unreachable(_) => "unreachable",
            Self::Insecure(_) => "insecure",
            Self::TooSlow => "too_slow",
            Self::Status(_) => "status",
            Self::TooLarge(_) => "too_large",
            Self::Encoded => "encoded",
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unknown(_) | Self::Unreachable(_) | Self::Insecure(_) | Self::TooSlow => true,
            Self::Status(status) => *status == 429 || *status >= 500,
            Self::Url(_) | Self::Inside | Self::TooLarge(_) | Self::Encoded => false,
        }
    }
}

/// A way out that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of certificates cannot be used.
    #[error("{path}: cannot be used as a file of certificates")]
    Certificates {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

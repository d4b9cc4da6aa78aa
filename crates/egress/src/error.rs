//! Errors of calls.

use std::io;

/// Why a call was not made or failed. The text is for the client that gave the URL and contains no addresses.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The URL is not permitted.
    #[error("{0}")]
    Url(&'static str),
    /// The host, or one of its addresses, is internal.
    #[error("The host is not on the public internet.")]
    Inside,
    /// The host name cannot be resolved.
    #[error("The host is unknown.")]
    Unknown(#[source] Option<io::Error>),
    /// The connection failed or was closed early.
    #[error("The host cannot be reached.")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The TLS handshake failed.
    #[error("No secure connection to the host can be made.")]
    Insecure(#[source] io::Error),
    /// The time limit was exceeded.
    #[error("The host took too long to answer.")]
    TooSlow,
    /// An unsuccessful status.
    #[error("The host answered with the status {0}.")]
    Status(u16),
    /// Too many redirects.
    #[error("The host redirects more than {0} times.")]
    Redirects(usize),
    /// The response exceeds the size limit.
    #[error("The answer is larger than {0} bytes.")]
    TooLarge(usize),
    /// The response is compressed, although the request does not accept that.
    #[error("The answer is compressed, which is not supported.")]
    Encoded,
}

impl Refused {
    /// A label for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Url(_) => "url",
            Self::Inside => "inside",
            Self::Unknown(_) => "unknown",
            Self::Unreachable(_) => "unreachable",
            Self::Insecure(_) => "insecure",
            Self::TooSlow => "too_slow",
            Self::Status(_) => "status",
            Self::Redirects(_) => "redirects",
            Self::TooLarge(_) => "too_large",
            Self::Encoded => "encoded",
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unknown(_) | Self::Unreachable(_) | Self::Insecure(_) | Self::TooSlow => true,
            Self::Status(status) => matches!(*status, 408 | 425 | 429 | 500..),
            Self::Url(_) | Self::Inside | Self::Redirects(_) | Self::TooLarge(_) | Self::Encoded => false,
        }
    }
}

/// A client that cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The certificate file is unusable.
    #[error("{path} is not a usable certificate file")]
    Certificates {
        /// The file.
        path: std::path::PathBuf,
        /// The cause.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

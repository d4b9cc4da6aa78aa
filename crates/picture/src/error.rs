//! Reasons for refusing an image.

/// The first fault found in an image. The text is one sentence for the client and holds nothing from inside the file.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The file is not PNG, JPEG or WebP, or is a variant of these that is not supported.
    #[error("{0}")]
    Unsupported(String),
    /// The file has several frames.
    #[error("{0}")]
    Animated(String),
    /// A side has too few pixels.
    #[error("{0}")]
    TooSmall(String),
    /// A side has too many pixels, or both sides together have.
    #[error("{0}")]
    TooLarge(String),
    /// One side is much longer than the other.
    #[error("{0}")]
    TooThin(String),
    /// The file is damaged or truncated.
    #[error("{detail}")]
    Corrupt {
        /// The sentence for the client.
        detail: String,
        /// The decoder's error, for the log.
        #[source]
        cause: Option<Cause>,
    },
    /// The image shows nothing.
    #[error("{0}")]
    Empty(String),
    /// The image was decoded, but could not be encoded again.
    #[error("The image could not be turned upright.")]
    Unwritable(#[source] Cause),
}

/// An error of a decoder or encoder.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

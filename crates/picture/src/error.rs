//! Why a picture is refused.

/// The first thing that is wrong with a picture. Each holds one sentence for whoever sent it.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not a PNG, JPEG or WebP file, or a kind of one that is not taken.
    #[error("{0}")]
    Unsupported(String),
    /// It has several frames.
    #[error("{0}")]
    Animated(String),
    /// A side has too few pixels.
    #[error("{0}")]
    TooSmall(String),
    /// It has too many pixels.
    #[error("{0}")]
    TooLarge(String),
    /// It is damaged or cut.
    #[error("{detail}")]
    Corrupt {
        /// The sentence.
        detail: String,
        /// What the decoder says of it, for the log.
        #[source]
        cause: Option<Cause>,
    },
    /// There is clearly nothing in it.
    #[error("{0}")]
    Empty(String),
    /// It is a good picture, but could not be written anew.
    #[error("The picture could not be turned upright.")]
    Unwritable(#[source] Cause),
}

/// An error of some decoder.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

//! What can go wrong, sorted by what a caller can do about it.

use tch::TchError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model's files are not usable: the model must be mended or replaced.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),

    /// A tensor of the weights is not as the network needs it: the model must be mended or replaced.
    #[error("weights: {name}: {problem}")]
    Weights {
        /// Full name of the tensor.
        name: String,
        /// What is wrong with it.
        problem: String,
    },

    /// The configuration asks for something that this implementation does not have.
    #[error("not supported: {0}")]
    Unsupported(String),

    /// What the caller sent cannot be used: the same request would fail again.
    #[error("{0}")]
    Invalid(String),

    /// The picture cannot be decoded: the same request would fail again.
    #[error("the picture cannot be decoded")]
    Picture(#[from] image::ImageError),

    /// The computing device that was asked for is not there.
    #[error("device {device} is not available: {reason}")]
    NoDevice {
        /// As it was asked for, e.g. `cuda:1`.
        device: String,
        /// Why not.
        reason: String,
    },

    /// libtorch refused or failed.
    #[error("libtorch: {0}")]
    Torch(#[from] TchError),
}

impl Error {
    /// Whether the same call could succeed on another worker or at another time.
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Torch(_) | Error::NoDevice { .. } => true,
            Error::Checkpoint(_)
            | Error::Weights { .. }
            | Error::Unsupported(_)
            | Error::Invalid(_)
            | Error::Picture(_) => false,
        }
    }
}

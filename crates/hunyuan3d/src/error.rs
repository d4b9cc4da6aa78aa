//! What can go wrong, by what a caller can do about it.

use tch::TchError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model's files are not usable: the model directory must be repaired or replaced.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),

    /// A tensor of the weights is not as the network needs it: the model directory must be repaired or replaced.
    #[error("weights: {name}: {problem}")]
    Weights {
        /// Full name of the tensor.
        name: String,
        /// What is wrong with it.
        problem: String,
    },

    /// The configuration asks for something that is not implemented.
    #[error("not supported: {0}")]
    Unsupported(String),

    /// Nothing can be made of an image: the same request would fail again.
    #[error("{0}")]
    Image(String),

    /// The request cannot be fulfilled: the same request would fail again.
    #[error("{0}")]
    Invalid(String),

    /// The computing device that was asked for is missing.
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

    /// The call was abandoned, as the caller asked for.
    #[error("abandoned")]
    Abandoned,
}

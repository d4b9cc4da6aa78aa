//! The errors of this crate, by what the caller can do about them.

use tch::TchError;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The model's files are not usable: the model directory must be repaired or replaced.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),

    /// A tensor of the weights does not fit the network: the model directory must be repaired or replaced.
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

    /// An image cannot be used: the same request would fail again.
    #[error("{0}")]
    Image(String),

    /// The request cannot be fulfilled: the same request would fail again.
    #[error("{0}")]
    Invalid(String),

    /// The requested device is not available.
    #[error("device {device} is not available: {reason}")]
    NoDevice {
        /// The requested device, e.g. `cuda:1`.
        device: String,
        /// The reason.
        reason: String,
    },

    /// A libtorch call failed.
    #[error("libtorch: {0}")]
    Torch(#[from] TchError),

    /// The call was abandoned because `proceed` returned `false`.
    #[error("abandoned")]
    Abandoned,
}

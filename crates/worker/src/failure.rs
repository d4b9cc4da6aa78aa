//! Failures of jobs. The codes and their usual sentences are the table in [`FailureCode`].

use domain::{Failure, FailureCode};
use std::error::Error as StdError;

/// The image cannot be decoded.
pub(crate) fn image_undecodable(cause: &dyn StdError) -> Failure {
    tracing::info!(error = chain(cause), "an image cannot be decoded");
    FailureCode::ImageUndecodable.failure()
}

/// The grid is finer than this worker can make; another may have more memory.
pub(crate) fn grid_too_fine(requested: u32, finest: u32) -> Failure {
    FailureCode::DeviceError.with_detail(format!(
        "A grid of {requested} cells along a side does not fit into this worker, which makes {finest} at most."
    ))
}

/// An internal error; another attempt may succeed. Only the log names the cause.
pub(crate) fn internal(what: &'static str, cause: &dyn StdError) -> Failure {
    tracing::error!(error = chain(cause), "{what}");
    FailureCode::Internal.failure()
}

/// A failure whose cause only the log names.
pub(crate) fn logged(code: FailureCode, what: &'static str) -> Failure {
    tracing::error!(code = code.as_str(), "{what}");
    code.failure()
}

/// An error with all its causes, for the log.
pub(crate) fn chain(error: &dyn StdError) -> String {
    let first: &dyn StdError = error;
    let chain = std::iter::successors(Some(first), |error| (**error).source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

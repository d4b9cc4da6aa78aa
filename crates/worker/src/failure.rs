//! What went wrong, in words for a job's owner. The codes are stable; every one that a worker gives is made here.
//!
//! | code | meaning | tried again |
//! |---|---|---|
//! | `image_gone` | the picture is no longer kept | no |
//! | `image_undecodable` | the picture cannot be decoded | no |
//! | `image_empty` | nothing is visible in the picture | no |
//! | `invalid_parameter` | the model cannot do what was asked of it | no |
//! | `no_surface` | the field has no surface | no |
//! | `result_too_large` | the mesh file is larger than the blob store takes | no |
//! | `device_error` | the device failed, or has too little memory | yes |
//! | `internal` | something of ours failed; the log says what | yes |
//!
//! The queue adds `worker_lost`.

use domain::Failure;
use std::error::Error as StdError;

/// The picture is no longer kept.
pub(crate) fn image_gone() -> Failure {
    lasting("image_gone", "The picture is no longer kept; submit it again.")
}

/// The mesh is larger than the blob store takes.
pub(crate) fn too_large() -> Failure {
    lasting("result_too_large", "The mesh file is larger than this server keeps; ask for a smaller face budget.")
}

/// The picture is no picture.
pub(crate) fn image_undecodable(cause: &dyn StdError) -> Failure {
    tracing::info!(error = whole(cause), "the picture cannot be decoded");
    lasting("image_undecodable", "The picture cannot be decoded.")
}

/// The field has no surface.
pub(crate) fn no_surface() -> Failure {
    lasting("no_surface", "The model found no surface for this picture; another seed or more steps may.")
}

/// The device failed; another attempt may succeed.
pub(crate) fn device(what: &str) -> Failure {
    passing("device_error", &format!("While the shape was made, {what}."))
}

/// The grid is finer than this worker can make; another may have more memory.
pub(crate) fn grid_too_fine(asked: u32, finest: u32) -> Failure {
    let detail =
        format!("A grid of {asked} cells along a side does not fit into this worker, which makes {finest} at most.");
    passing("device_error", &detail)
}

/// Something of ours failed; another attempt may succeed.
pub(crate) fn internal(what: &'static str, cause: &dyn StdError) -> Failure {
    tracing::error!(error = whole(cause), "{what}");
    passing("internal", "Something went wrong on our side.")
}

fn lasting(code: &str, detail: &str) -> Failure {
    Failure { code: code.to_owned(), detail: detail.to_owned(), retryable: false }
}

fn passing(code: &str, detail: &str) -> Failure {
    Failure { code: code.to_owned(), detail: detail.to_owned(), retryable: true }
}

/// An error with all its causes, for the log.
pub(crate) fn whole(error: &dyn StdError) -> String {
    let first: &dyn StdError = error;
    let chain = std::iter::successors(Some(first), |error| (**error).source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

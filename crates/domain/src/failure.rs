//! Why a job failed, in words for its owner.

use serde::{Deserialize, Serialize};

/// Why a job failed. `code` is stable and documented; `detail` is for people and names nothing internal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Failure {
    /// Stable, machine-readable reason, such as `image_empty` or `worker_lost`.
    pub code: String,
    /// One sentence for people.
    pub detail: String,
    /// Whether the same request may succeed later.
    pub retryable: bool,
}

//! Checks images: file and content, within bounds on what is decoded at once.

use crate::memory::MemoryBudget;
use bytes::Bytes;
use http_api::{Problem, codes};
use picture::{CheckedPicture, PictureLimits, Probed, Refused};
use std::sync::Arc;
use std::time::Instant;
use telemetry::names;
use tokio::sync::Semaphore;

/// Checks images. Clones share the bounds.
#[derive(Debug, Clone)]
pub(crate) struct ImageChecker {
    limits: PictureLimits,
    /// One permit for each image that may be decoded at once.
    checks: Arc<Semaphore>,
    memory: MemoryBudget,
}

impl ImageChecker {
    pub(crate) fn new(limits: PictureLimits, checks: u16, memory: MemoryBudget) -> Self {
        Self { limits, checks: Arc::new(Semaphore::new(checks.into())), memory }
    }

    /// The limits on images.
    pub(crate) fn limits(&self) -> PictureLimits {
        self.limits
    }

    /// Checks an image: first its header, then, once there is memory for it, its pixels. Both run on a blocking thread.
    pub(crate) async fn check(&self, image: Bytes) -> Result<CheckedPicture, Problem> {
        let (limits, started) = (self.limits, Instant::now());
        let verdict = async {
            let permit = Arc::clone(&self.checks).acquire_owned().await.map_err(unable)?;
            let (probed, permit) = run_blocking(permit, move || Probed::read(&image, limits)).await?;
            let memory = self.memory.decoding(probed.cost()).await?;
            // Decoding runs to its end even if the client is gone, so the permits stay with it.
            run_blocking((permit, memory), move || probed.decode()).await
        };
        let verdict = verdict.await;
        metrics::histogram!(names::PICTURE_CHECK_SECONDS).record(started.elapsed());
        verdict.map(|(checked, _)| checked)
    }
}

/// Runs a part of a check on a blocking thread, together with the permits that it needs.
async fn run_blocking<T: Send + 'static, P: Send + 'static>(
    permits: P,
    part: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<(T, P), Problem> {
    match tokio::task::spawn_blocking(move || part().map(|done| (done, permits))).await {
        Ok(verdict) => verdict.map_err(problem),
        // A panic of a decoder means a file that no encoder writes.
        Err(error) if error.is_panic() => {
            Err(Problem::new(&codes::IMAGE_CORRUPT, "The image cannot be decoded.").because(error))
        }
        Err(error) => Err(unable(error)),
    }
}

fn unable(cause: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::new(&codes::INTERNAL, "The image could not be checked.").because(cause)
}

fn problem(refused: Refused) -> Problem {
    let kind = match &refused {
        Refused::Unsupported(_) => &codes::UNSUPPORTED_IMAGE,
        Refused::Animated(_) => &codes::IMAGE_ANIMATED,
        Refused::TooSmall(_) => &codes::IMAGE_TOO_SMALL,
        Refused::TooLarge(_) => &codes::IMAGE_TOO_LARGE,
        Refused::TooThin(_) => &codes::IMAGE_TOO_THIN,
        Refused::Corrupt { .. } => &codes::IMAGE_CORRUPT,
        Refused::Empty(_) => &codes::IMAGE_EMPTY,
        Refused::Unwritable(_) => &codes::INTERNAL,
    };
    Problem::new(kind, refused.to_string()).because(refused)
}

//! Layers 5 and 6, image bytes and image content: a picture is checked, within bounds on what is decoded at once.

use crate::IntakeOptions;
use crate::fetch::Fetcher;
use crate::parameters::Source;
use bytes::Bytes;
use http_api::{Problem, codes};
use picture::{CheckedPicture, PictureLimits, Probed, Refused};
use std::sync::Arc;
use std::time::Instant;
use telemetry::names;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Checks pictures, no more of them at once than there is room for.
pub(crate) struct Intake {
    limits: PictureLimits,
    fetcher: Fetcher,
    /// One permit for each picture that may be decoded at once.
    checks: Arc<Semaphore>,
    /// One permit for each MiB that decoding may take at once.
    memory: Arc<Semaphore>,
    memory_mib: u32,
}

impl Intake {
    pub(crate) fn new(options: &IntakeOptions, fetcher: Fetcher) -> Self {
        Self {
            limits: options.picture(),
            fetcher,
            checks: Arc::new(Semaphore::new(options.picture_checks.into())),
            memory: Arc::new(Semaphore::new(options.picture_memory_mib as usize)),
            memory_mib: options.picture_memory_mib,
        }
    }

    /// What a picture may be.
    pub(crate) fn limits(&self) -> PictureLimits {
        self.limits
    }

    /// The picture, checked.
    pub(crate) async fn admit(&self, source: &Source) -> Result<CheckedPicture, Problem> {
        match source {
            Source::File(bytes) => self.check(bytes.clone()).await,
            Source::Url(url) => self.check(self.fetcher.fetch(url).await?).await,
        }
    }

    /// Checks a picture: first its header, then, when there is memory for it, its pixels. Both happen on a thread that
    /// may block.
    async fn check(&self, image: Bytes) -> Result<CheckedPicture, Problem> {
        let permit = acquire(&self.checks, 1).await?;
        let (limits, started) = (self.limits, Instant::now());
        let verdict = async {
            let (probed, permit) = apart(permit, move || Probed::read(&image, limits)).await?;
            // One that needs more than there is gets all of it.
            let mib = u32::try_from(probed.cost() >> 20).unwrap_or(u32::MAX).clamp(1, self.memory_mib);
            let memory = acquire(&self.memory, mib).await?;
            // It is decoded to its end even if the client has gone, so the permits stay with the work.
            apart((permit, memory), move || probed.decode()).await
        };
        let verdict = verdict.await;
        metrics::histogram!(names::PICTURE_CHECK_SECONDS).record(started.elapsed());
        verdict.map(|(checked, _)| checked)
    }
}

async fn acquire(permits: &Arc<Semaphore>, count: u32) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(permits).acquire_many_owned(count).await.map_err(unable)
}

/// Does one part of a check on a thread that may block. What it is allowed by goes with it.
async fn apart<T: Send + 'static, P: Send + 'static>(
    permit: P,
    part: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<(T, P), Problem> {
    match tokio::task::spawn_blocking(move || part().map(|done| (done, permit))).await {
        Ok(verdict) => verdict.map_err(problem),
        // A decoder that panics has met a file that no encoder made.
        Err(error) if error.is_panic() => {
            Err(Problem::new(&codes::IMAGE_CORRUPT, "The picture cannot be decoded.").because(error))
        }
        Err(error) => Err(unable(error)),
    }
}

fn unable(cause: impl std::error::Error + Send + Sync + 'static) -> Problem {
    Problem::new(&codes::INTERNAL, "The picture could not be checked.").because(cause)
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

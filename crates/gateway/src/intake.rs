//! Bounds on what is taken in at once: bodies that are read, pictures that are decoded.

use crate::IntakeOptions;
use crate::upload::UploadLimits;
use bytes::Bytes;
use picture::{CheckedPicture, PictureLimits, Probed, Refused};
use std::sync::Arc;
use std::time::Instant;
use telemetry::names;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use web::{Problem, codes};

/// What a request may hold, and the room to take it in.
pub(crate) struct Intake {
    upload: UploadLimits,
    picture: PictureLimits,
    /// One permit for each body that may be in memory at once.
    uploads: Arc<Semaphore>,
    /// One permit for each picture that may be decoded at once.
    checks: Arc<Semaphore>,
    /// One permit for each MiB that decoding may take at once.
    memory: Arc<Semaphore>,
    memory_mib: u32,
}

/// Room for one body. Without it none can be read; keep it as long as the bytes are kept.
pub(crate) struct Room {
    pub(crate) limits: UploadLimits,
    _permit: OwnedSemaphorePermit,
}

impl Intake {
    pub(crate) fn new(options: &IntakeOptions) -> Self {
        Self {
            upload: options.upload(),
            picture: options.picture(),
            uploads: Arc::new(Semaphore::new(options.uploads.into())),
            checks: Arc::new(Semaphore::new(options.picture_checks.into())),
            memory: Arc::new(Semaphore::new(options.picture_memory_mib as usize)),
            memory_mib: options.picture_memory_mib,
        }
    }

    /// Waits for room for a body. Nothing of it is read meanwhile, so whoever waits costs next to nothing here.
    pub(crate) async fn room(&self) -> Result<Room, Problem> {
        match timeout(self.upload.timeout, Arc::clone(&self.uploads).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Room { limits: self.upload, _permit: permit }),
            _ => Err(Problem::new(&codes::OVERLOADED, "No room was left to read the picture.")),
        }
    }

    /// Checks a picture: first its header, then, when there is memory for it, its pixels. Both happen on a thread that
    /// may block.
    pub(crate) async fn check(&self, image: Bytes) -> Result<CheckedPicture, Problem> {
        let permit = acquire(&self.checks, 1).await?;
        let (limits, started) = (self.picture, Instant::now());
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
        Refused::Corrupt { .. } => &codes::IMAGE_CORRUPT,
        Refused::Empty(_) => &codes::IMAGE_EMPTY,
        Refused::Unwritable(_) => &codes::INTERNAL,
    };
    Problem::new(kind, refused.to_string()).because(refused)
}

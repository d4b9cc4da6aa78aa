//! Bounds on what is taken in at once: bodies that are read, pictures that are decoded.

use crate::IntakeOptions;
use crate::picture::{self, PictureLimits};
use crate::upload::UploadLimits;
use bytes::Bytes;
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
        }
    }

    /// Waits for room for a body. Nothing of it is read meanwhile, so whoever waits costs next to nothing here.
    pub(crate) async fn room(&self) -> Result<Room, Problem> {
        match timeout(self.upload.timeout, Arc::clone(&self.uploads).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Room { limits: self.upload, _permit: permit }),
            _ => Err(Problem::new(&codes::OVERLOADED, "No room was left to read the picture.")),
        }
    }

    /// Checks a picture on a thread that may block.
    pub(crate) async fn check(&self, image: Bytes) -> Result<(), Problem> {
        let unable = |cause: String| Problem::new(&codes::INTERNAL, "The picture could not be checked.").because(cause);
        let permit = Arc::clone(&self.checks).acquire_owned().await.map_err(|error| unable(error.to_string()))?;
        let limits = self.picture;
        let started = Instant::now();
        let checked = tokio::task::spawn_blocking(move || {
            // It is decoded to its end even if the client has gone, so the permit stays with the work.
            let _permit = permit;
            picture::check(&image, limits)
        });
        let verdict = checked.await;
        metrics::histogram!(names::PICTURE_CHECK_SECONDS).record(started.elapsed());
        match verdict {
            Ok(verdict) => verdict,
            // A decoder that panics has met a file that no encoder made.
            Err(error) if error.is_panic() => {
                Err(Problem::new(&codes::IMAGE_CORRUPT, "The picture cannot be decoded.").because(error))
            }
            Err(error) => Err(unable(error.to_string())),
        }
    }
}

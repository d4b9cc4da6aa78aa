//! Reading images from the blob store and writing results into it.

use crate::context::WorkerContext;
use crate::failure;
use crate::job::Ending;
use blobs::Error;
use bytes::Bytes;
use domain::{BlobId, FailureCode};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long calls of a failing store are retried. A full store is retried without bound.
const PATIENCE: Duration = Duration::from_secs(60);

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Reads an image.
pub(crate) async fn read(context: &WorkerContext, id: &BlobId) -> Result<Bytes, Ending> {
    let (start, mut pause) = (Instant::now(), FIRST_PAUSE);
    loop {
        match context.blobs.get(id).await {
            Ok(bytes) => return Ok(bytes),
            Err(Error::NotFound(_)) => return Err(FailureCode::ImageGone.failure().into()),
            Err(error) if error.is_retryable() && start.elapsed() < PATIENCE => {
                tracing::warn!(error = failure::chain(&error), "an image cannot be read yet");
                sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(failure::internal("an image cannot be read", &error).into()),
        }
    }
}

/// Writes a file of a result. A full disk costs no attempt: the file waits until there is room, and the lease is renewed
/// meanwhile.
pub(crate) async fn write(context: &WorkerContext, bytes: Bytes) -> Result<BlobId, Ending> {
    let (start, mut pause) = (Instant::now(), FIRST_PAUSE);
    let mut waiting = None;
    loop {
        match context.blobs.put(bytes.clone()).await {
            Ok(id) => return Ok(id),
            Err(Error::TooLarge { .. }) => return Err(FailureCode::ResultTooLarge.failure().into()),
            Err(error) if matches!(error, Error::Full(_)) || (error.is_retryable() && start.elapsed() < PATIENCE) => {
                if waiting.is_none() {
                    tracing::warn!(error = failure::chain(&error), "a result waits: it cannot be stored yet");
                    waiting = Some(Waiting::new(context));
                }
                sleep(pause).await;
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(failure::internal("a result cannot be stored", &error).into()),
        }
    }
}

/// Counts a result that waits for the store, until it is dropped.
struct Waiting<'a>(&'a WorkerContext);

impl<'a> Waiting<'a> {
    fn new(context: &'a WorkerContext) -> Self {
        context.results_waiting.fetch_add(1, Ordering::Relaxed);
        Self(context)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.results_waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

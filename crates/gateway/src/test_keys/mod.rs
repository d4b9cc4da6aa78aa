//! Jobs of test keys: the gateway plays their worker, so that the whole contract can be tried without a device.
//!
//! They stand in a class of their own, which no worker leases. What comes after submission is the real thing: queue,
//! events, blobs, results, retries, cancelling. Only the mesh is always the same.

mod canned;
mod play;

use blobs::Blobs;
use play::play;
use queue::{LeaseOptions, Queue};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Jobs that are played at once by one gateway.
const SEATS: usize = 256;
/// Pause after the queue did not answer.
const PAUSE: Duration = Duration::from_secs(1);
/// How long one look for a job may take.
const WAIT: Duration = Duration::from_secs(5);

/// Plays jobs until `shutdown`; those that are being played are then handed back.
pub(crate) async fn run(queue: Queue, blobs: Blobs, shutdown: CancellationToken) {
    let (seats, plays) = (Arc::new(Semaphore::new(SEATS)), TaskTracker::new());
    let worker = loop {
        match queue.test_worker("test-keys", LeaseOptions::default()).await {
            Ok(worker) => break worker,
            Err(error) => tracing::warn!(%error, "jobs of test keys cannot be played yet"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep(PAUSE) => {}
        }
    };
    while !shutdown.is_cancelled() {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { break };
        let leases = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            leases = worker.lease(1, WAIT) => leases,
        };
        match leases {
            Ok(mut leases) => {
                if let Some(lease) = leases.pop() {
                    let (blobs, shutdown) = (blobs.clone(), shutdown.clone());
                    plays.spawn(async move {
                        let _seat = seat;
                        if let Err(error) = play(lease, &blobs, &shutdown).await {
                            tracing::warn!(%error, "a job of a test key was not played to its end");
                        }
                    });
                }
            }
            Err(error) => {
                tracing::debug!(%error, "no job of a test key could be had");
                sleep(PAUSE).await;
            }
        }
    }
    plays.close();
    plays.wait().await;
}

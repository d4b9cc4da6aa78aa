//! Simulates the jobs of test keys, so that clients can be tested without a GPU.
//!
//! These jobs have a scheduling class of their own, which workers do not lease. Queue, events, blobs, results, retries and
//! cancellation are real; only the mesh is always the same.

mod canned;
mod simulate;

use blobs::Blobs;
use queue::{LeaseOptions, Queue};
use simulate::simulate;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Jobs that one gateway simulates at once.
const SLOTS: usize = 256;
/// Pause after an error of the queue.
const PAUSE: Duration = Duration::from_secs(1);
/// Time that one call waits for a job.
const WAIT: Duration = Duration::from_secs(5);

/// Simulates jobs until `shutdown`; running ones are then released.
pub(crate) async fn run(queue: Queue, blobs: Blobs, shutdown: CancellationToken) {
    let (slots, running) = (Arc::new(Semaphore::new(SLOTS)), TaskTracker::new());
    let worker = loop {
        match queue.test_worker("test-keys", LeaseOptions::default()).await {
            Ok(worker) => break worker,
            Err(error) => tracing::warn!(%error, "jobs of test keys cannot be simulated yet"),
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = sleep(PAUSE) => {}
        }
    };
    while !shutdown.is_cancelled() {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
        let leases = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            leases = worker.lease(1, WAIT) => leases,
        };
        match leases {
            Ok(mut leases) => {
                if let Some(lease) = leases.pop() {
                    let (blobs, shutdown) = (blobs.clone(), shutdown.clone());
                    running.spawn(async move {
                        let _slot = slot;
                        if let Err(error) = simulate(lease, &blobs, &shutdown).await {
                            tracing::warn!(%error, "the simulation of a job of a test key was not finished");
                        }
                    });
                }
            }
            Err(error) => {
                tracing::debug!(%error, "no job of a test key could be leased");
                sleep(PAUSE).await;
            }
        }
    }
    running.close();
    running.wait().await;
}

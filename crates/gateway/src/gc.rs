//! Garbage collection of blobs.
//!
//! Each round marks the blobs that jobs and dead letters refer to, then deletes those that are unmarked and were last
//! put before the round, less a margin for blobs that are put before the queue knows of them. Several gateways may
//! collect at once.

use blobs::Blobs;
use queue::Queue;
use std::collections::HashSet;
use std::time::{Duration, SystemTime};
use telemetry::names;
use tokio_util::sync::CancellationToken;

/// How long a blob may be in the store before the queue refers to it: uploads, artifacts of running jobs, clocks that
/// differ.
const MARGIN: Duration = Duration::from_secs(3600);

/// When blobs are collected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GcOptions {
    /// Time between two rounds.
    pub(crate) every: Duration,
}

/// Collects until `shutdown`.
pub(crate) async fn run(queue: Queue, blobs: Blobs, options: GcOptions, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(options.every) => {}
        }
        let (put_before, mut referenced) = (SystemTime::now() - MARGIN, HashSet::new());
        let mark = |blob| {
            referenced.insert(blob);
        };
        if let Err(error) = queue.visit_blob_references(mark).await {
            tracing::warn!(%error, "blobs are not collected: the queue does not answer");
            continue;
        }
        match blobs.collect_garbage(put_before, |blob| referenced.contains(blob)).await {
            Ok(removed) => {
                metrics::counter!(names::BLOBS_COLLECTED).increment(removed.blobs);
                metrics::counter!(names::BLOBS_COLLECTED_BYTES).increment(removed.bytes);
                if removed.blobs > 0 {
                    tracing::info!(blobs = removed.blobs, bytes = removed.bytes, "unreferenced blobs were deleted");
                }
            }
            Err(error) => tracing::warn!(%error, "blobs could not be collected"),
        }
    }
}

//! Blobs that nobody needs any more are taken away.
//!
//! A blob is needed by a job that has not ended (its picture) and by one whose result is kept (its mesh and thumbnail).
//! The queue does not know which blobs there are, and the blob store does not know of jobs; what both know is time.
//! Storing bytes again makes them new, and a job is submitted right after its picture was put and ends right after its
//! mesh was. So a blob that was last put before the oldest open job came, and longer ago than results are kept, is
//! needed by nobody. Every gateway sweeps; two at once do no harm.

use blobs::Blobs;
use queue::Queue;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use telemetry::names;
use tokio_util::sync::CancellationToken;

/// For what is put long before it is named: clocks that differ, slow submissions, a cached result whose time is drawn
/// out.
const MARGIN: Duration = Duration::from_secs(3600);

/// How often blobs are swept, and for how long they are kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sweeping {
    /// Time between two sweeps.
    pub(crate) every: Duration,
    /// For how long results are kept.
    pub(crate) retention: Duration,
}

/// Sweeps until `shutdown`.
pub(crate) async fn run(queue: Queue, blobs: Blobs, sweeping: Sweeping, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(sweeping.every) => {}
        }
        // When the queue does not answer, nothing is known to be old.
        let oldest = match queue.oldest_open().await {
            Ok(oldest) => oldest,
            Err(error) => {
                tracing::warn!(%error, "blobs are not swept: the queue does not answer");
                continue;
            }
        };
        let age = keep_for(sweeping.retention, oldest, SystemTime::now());
        match blobs.collect_garbage(SystemTime::now() - age, |_| false).await {
            Ok(removed) => {
                metrics::counter!(names::BLOBS_COLLECTED).increment(removed.blobs);
                metrics::counter!(names::BLOBS_COLLECTED_BYTES).increment(removed.bytes);
                if removed.blobs > 0 {
                    tracing::info!(blobs = removed.blobs, bytes = removed.bytes, "swept");
                }
            }
            Err(error) => tracing::warn!(%error, "blobs could not be swept"),
        }
    }
}

/// How old a blob must be to be needed by nobody.
fn keep_for(retention: Duration, oldest_open_ms: Option<u64>, now: SystemTime) -> Duration {
    let open_for = |ms| now.duration_since(UNIX_EPOCH + Duration::from_millis(ms)).unwrap_or_default();
    retention.max(oldest_open_ms.map(open_for).unwrap_or_default()) + MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_outlive_results_and_open_jobs() {
        let (day, now) = (Duration::from_secs(86_400), UNIX_EPOCH + Duration::from_secs(100 * 86_400));
        assert_eq!(keep_for(day, None, now), day + MARGIN);
        let an_hour_ago = (100 * 86_400 - 3600) * 1000;
        assert_eq!(keep_for(day, Some(an_hour_ago), now), day + MARGIN);
        assert_eq!(keep_for(day, Some(90 * 86_400 * 1000), now), 10 * day + MARGIN);
        let in_the_future = 101 * 86_400 * 1000;
        assert_eq!(keep_for(day, Some(in_the_future), now), day + MARGIN);
    }
}

//! A cancellation request is pushed to the worker that runs the job.

use crate::world::{LONG, World};
use domain::Progress;
use std::time::{Duration, Instant};
use tokio::time::timeout;

#[tokio::test]
async fn a_cancellation_request_reaches_the_worker_without_a_renewal() {
    let world = World::new().await;
    let job = world.submit().await;
    let worker = world.worker(LONG).await;
    let lease = worker.lease(1, Duration::from_secs(5)).await.unwrap().remove(0);
    let notified = async {
        lease.cancel_requested().await;
        Instant::now()
    };
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        // A progress report does not count as a request.
        lease.progress(&Progress::steps("denoise", 1, 20)).await.unwrap();
        let requested = Instant::now();
        world.queue.cancel(job.id).await.unwrap();
        requested
    };
    let (notified, requested) =
        timeout(Duration::from_secs(20), async { tokio::join!(notified, cancel) }).await.unwrap();
    // The next renewal would report it as well, but only after 200 s.
    assert!(notified > requested && notified - requested < Duration::from_secs(5), "{:?}", notified - requested);
    // A later call returns at once.
    timeout(Duration::from_secs(10), lease.cancel_requested()).await.unwrap();
    lease.cancelled().await.unwrap();
}

//! A worker hears at once that its job was withdrawn.

use crate::world::{LONG, World};
use domain::Progress;
use std::time::{Duration, Instant};
use tokio::time::timeout;

#[tokio::test]
async fn the_worker_hears_of_it_without_asking() {
    let world = World::new().await;
    let job = world.submit().await;
    let worker = world.worker(LONG).await;
    let lease = worker.lease(1, Duration::from_secs(5)).await.unwrap().remove(0);
    let heard = async {
        lease.cancel_requested().await;
        Instant::now()
    };
    let cancel = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        // Its own progress is no withdrawal.
        lease.progress(&Progress::steps("denoise", 1, 20)).await.unwrap();
        let asked = Instant::now();
        world.queue.cancel(job.id).await.unwrap();
        asked
    };
    let (heard, asked) = timeout(Duration::from_secs(20), async { tokio::join!(heard, cancel) }).await.unwrap();
    // With its next renewal it would hear of it too, 200 s later.
    assert!(heard > asked && heard - asked < Duration::from_secs(5), "{:?}", heard - asked);
    // Whoever comes to listen later hears of it too.
    timeout(Duration::from_secs(10), lease.cancel_requested()).await.unwrap();
    lease.cancelled().await.unwrap();
}

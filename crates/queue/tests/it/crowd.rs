//! Many concurrent producers and consumers.

use crate::world::{LONG, World, job, result};
use domain::JobId;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const PRODUCERS: usize = 8;
const CONSUMERS: usize = 8;
const JOBS: usize = 2000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_job_is_leased_once_and_no_consumer_starves() {
    let world = Arc::new(World::new().await);
    let consumers: Vec<_> = (0..CONSUMERS)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let worker = world.worker(LONG).await;
                let mut seen = Vec::<JobId>::new();
                loop {
                    let leases = worker.lease(3, Duration::from_secs(5)).await.unwrap();
                    if leases.is_empty() {
                        return seen;
                    }
                    for lease in leases {
                        seen.push(lease.job().id);
                        lease.succeed(&result()).await.unwrap();
                    }
                }
            })
        })
        .collect();
    let producers: Vec<_> = (0..PRODUCERS)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                for _ in 0..JOBS / PRODUCERS {
                    world.queue.submit(&job().into()).await.unwrap();
                }
            })
        })
        .collect();
    for producer in producers {
        producer.await.unwrap();
    }
    let mut seen = HashMap::<JobId, usize>::new();
    for consumer in consumers {
        let jobs = consumer.await.unwrap();
        assert!(jobs.len() > JOBS / CONSUMERS / 10, "a consumer got only {} of {JOBS}", jobs.len());
        for job in jobs {
            *seen.entry(job).or_default() += 1;
        }
    }
    assert_eq!(seen.len(), JOBS);
    assert!(seen.values().all(|&times| times == 1));
    assert_eq!(world.queue.counters().await.unwrap().succeeded, JOBS as u64);
}

#[tokio::test]
async fn a_job_reaches_a_waiting_worker_without_delay() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let mut delays = Vec::new();
    for _ in 0..50 {
        let waiting = async {
            let lease = worker.lease(1, Duration::from_secs(10)).await.unwrap().pop().unwrap();
            (Instant::now(), lease)
        };
        let submitting = async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let start = Instant::now();
            world.submit().await;
            start
        };
        let ((got, lease), start) = tokio::join!(waiting, submitting);
        delays.push(got - start);
        lease.succeed(&result()).await.unwrap();
    }
    delays.sort();
    // Polling once a tick would take 500 ms on average.
    assert!(delays[delays.len() / 2] < Duration::from_millis(250), "{delays:?}");
}

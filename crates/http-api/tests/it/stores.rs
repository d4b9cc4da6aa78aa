//! Stores that are full or cannot be read: each has a code of its own, and none is an internal error.

use crate::world::World;
use domain::Class;
use http_api::Problem;
use queue::{Queue, RedisOptions, Submission};
use serde_json::Value;
use std::time::Duration;
use test_support::wait_until;

#[test]
fn a_store_without_room_has_a_code_of_its_own() {
    let redis = |code: &'static str| {
        redis::RedisError::from((redis::ErrorKind::Server(redis::ServerErrorKind::ResponseError), code))
    };
    let disk = || Box::new(std::io::Error::from(std::io::ErrorKind::StorageFull));
    for (problem, code) in [
        (Problem::from(queue::Error::Memory(redis("OOM"))), "queue_memory_full"),
        (Problem::from(queue::Error::Disk(redis("MISCONF"))), "queue_disk_full"),
        (Problem::from(queue::Error::Replicas(redis("NOREPLICAS"))), "queue_no_replicas"),
        (Problem::from(blobs::Error::Full(disk())), "storage_full"),
    ] {
        assert_eq!((problem.kind().code, problem.kind().status, problem.kind().retryable), (code, 503, true));
        assert!(!problem.detail().to_lowercase().contains("redis"), "{}", problem.detail());
    }
}

/// Waits until the readiness has this status and names this restriction, or none.
async fn becomes(world: &World, status: u16, restriction: Option<&str>) {
    let ready = async || {
        let answer = world.client.get(format!("{}/readyz", world.base)).send().await.unwrap();
        let found = answer.status().as_u16();
        let body: Value = answer.json().await.unwrap();
        found == status && body["restrictions"][0]["code"].as_str() == restriction
    };
    wait_until(&format!("{status} {restriction:?}"), Duration::from_secs(20), ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demoted_primary_is_not_ready() {
    let world = World::new().await;
    becomes(&world, 200, None).await;
    world.redis.ask("REPLICAOF 127.0.0.1 1");
    becomes(&world, 503, None).await;
    world.redis.ask("REPLICAOF NO ONE");
    becomes(&world, 200, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_room_to_write_a_service_that_writes_is_not_ready() {
    let world = World::new().await;
    world.redis.ask("CONFIG SET maxmemory 1");
    becomes(&world, 503, None).await;
    world.redis.ask("CONFIG SET maxmemory 0");
    becomes(&world, 200, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_no_live_worker_can_run_are_reported_and_change_nothing_else() {
    let world = World::new().await;
    let queue = Queue::connect(&RedisOptions::at(&world.redis.url()).unwrap()).await.unwrap();
    let job = test_support::job("usr_1", Class::User);
    let id = job.id;
    queue.submit(&Submission::from(job)).await.unwrap();
    becomes(&world, 200, Some("no_worker")).await;
    let page = world.client.get(&world.base).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("class=\"degraded\"") && page.contains("1 jobs wait"), "{page}");
    let metrics =
        async || world.client.get(format!("{}/metrics", world.base)).send().await.unwrap().text().await.unwrap();
    let waiting = metrics().await;
    assert!(waiting.contains("orfeas_queue_jobs_without_worker{class=\"user\"} 1\n"), "{waiting}");
    assert!(waiting.contains("orfeas_queue_jobs_without_worker{class=\"agent\"} 0\n"), "{waiting}");
    let stalled = waiting.lines().find_map(|line| line.strip_prefix("orfeas_queue_stalled_seconds{class=\"user\"} "));
    assert!(stalled.unwrap().parse::<f64>().unwrap() > 0.0, "{waiting}");
    queue.cancel(id).await.unwrap();
    becomes(&world, 200, None).await;
    let empty = metrics().await;
    assert!(empty.contains("orfeas_queue_jobs_without_worker{class=\"user\"} 0\n"), "{empty}");
    assert!(empty.contains("orfeas_queue_stalled_seconds{class=\"user\"} 0\n"), "{empty}");
}

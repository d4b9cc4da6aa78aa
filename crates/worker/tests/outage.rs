//! Outages of Redis that are longer than a lease, while jobs run.
#![allow(clippy::unwrap_used)]

mod common;

use common::{PATIENCE, World, picture, png, quick};
use domain::JobState::{Queued, Running, Succeeded};
use domain::{JobId, Parameters};
use std::time::{Duration, Instant};
use test_support::wait_until;

/// Three times the lease of the tests.
const OUTAGE: Duration = Duration::from_secs(6);

/// A world whose jobs of 400 steps take 10 seconds.
async fn slow_world() -> World {
    let mut world = World::with_models(Vec::new()).await;
    world.models.push(world.spheres("slow", r#"{"faults":[{"call":"step","kind":{"slow_ms":25}}]}"#));
    world
}

fn steps(steps: u32) -> Parameters {
    Parameters { steps: Some(steps), ..quick() }
}

/// Waits for the end of a job; the connection of the test itself may fail meanwhile.
async fn ended(world: &World, id: JobId) {
    let is_terminal = async || {
        let record = world.queue.record(id).await;
        record.ok().flatten().is_some_and(|record| record.state.is_terminal())
    };
    wait_until("the end of a job", PATIENCE, is_terminal).await;
}

/// Asserts that a job succeeded at its first attempt, and that it was never queued again.
async fn assert_undisturbed(world: &World, id: JobId) {
    ended(world, id).await;
    let record = world.record(id).await;
    assert_eq!((record.state, record.attempt), (Succeeded, 1), "{:?}", record.failure);
    assert_eq!(world.story(id).await, [(Queued, 0), (Running, 1), (Succeeded, 1)]);
}

#[tokio::test]
async fn a_job_outlives_a_killed_redis_also_on_its_only_attempt() {
    let world = slow_world().await;
    let _worker = world.worker("one", &["--lease-seconds", "2", "--max-attempts", "1"]).await;
    let running = world.submit(png(&picture(0)), steps(400)).await;
    world.under_way(running).await;
    let waiting = world.submit(png(&picture(1)), steps(4)).await;
    world.redis.kill();
    tokio::time::sleep(OUTAGE).await;
    world.redis.restart();
    assert_undisturbed(&world, running).await;
    ended(&world, waiting).await;
    assert_eq!(world.record(waiting).await.state, Succeeded);
    assert_eq!(world.queue.counters().await.unwrap().succeeded, 2);
}

#[tokio::test]
async fn jobs_of_two_workers_outlive_a_killed_redis() {
    let world = slow_world().await;
    let options = ["--lease-seconds", "2", "--batch-size-max", "2"];
    let (_one, _two) = (world.worker("one", &options).await, world.worker("two", &options).await);
    let mut jobs = Vec::new();
    for n in 0..4 {
        jobs.push(world.submit(png(&picture(n)), steps(400)).await);
    }
    for &id in &jobs {
        world.under_way(id).await;
    }
    world.redis.kill();
    tokio::time::sleep(OUTAGE).await;
    world.redis.restart();
    for id in jobs {
        assert_undisturbed(&world, id).await;
    }
    assert_eq!(world.queue.counters().await.unwrap().reclaimed, 0);
}

#[tokio::test]
async fn a_job_outlives_a_redis_that_does_not_answer() {
    let world = slow_world().await;
    let _worker = world.worker("one", &["--lease-seconds", "2", "--max-attempts", "1"]).await;
    let id = world.submit(png(&picture(0)), steps(400)).await;
    world.under_way(id).await;
    world.redis.pause();
    tokio::time::sleep(OUTAGE).await;
    world.redis.resume();
    assert_undisturbed(&world, id).await;
}

#[tokio::test]
async fn a_result_that_is_finished_during_an_outage_is_delivered_after_it() {
    let world = slow_world().await;
    let _worker = world.worker("one", &["--lease-seconds", "2", "--max-attempts", "1"]).await;
    let id = world.submit(png(&picture(0)), steps(40)).await;
    world.under_way(id).await;
    world.redis.kill();
    // A second for the rest of the job, and more than a lease after it.
    tokio::time::sleep(2 * OUTAGE).await;
    world.redis.restart();
    assert_undisturbed(&world, id).await;
    assert!(world.mesh(&world.record(id).await).await.starts_with(b"glTF"));
}

#[tokio::test]
async fn a_worker_that_is_told_to_stop_during_an_outage_does_not_wait_for_ever() {
    let world = slow_world().await;
    let worker = world.worker("one", &["--drain-seconds", "1"]).await;
    let id = world.submit(png(&picture(0)), steps(400)).await;
    world.under_way(id).await;
    world.redis.kill();
    let start = Instant::now();
    assert_eq!(worker.terminate(PATIENCE).await.code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    world.redis.restart();
}

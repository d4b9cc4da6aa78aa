//! What a job costs: memory in Redis, and round trips.

use crate::world::{LONG, World, key, result, take};
use domain::Progress;
use redis::aio::MultiplexedConnection;
use std::time::Duration;

async fn used(raw: &mut MultiplexedConnection) -> u64 {
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(raw).await.unwrap();
    let mut pipeline = redis::pipe();
    for key in &keys {
        pipeline.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0);
    }
    pipeline.query_async::<Vec<u64>>(raw).await.unwrap().iter().sum()
}

#[tokio::test]
async fn a_queued_job_takes_less_than_two_kilobytes() {
    const JOBS: u64 = 1000;
    let world = World::new().await;
    let mut raw = world.raw().await;
    world.submit().await;
    let before = used(&mut raw).await;
    for _ in 0..JOBS {
        world.submit().await;
    }
    let each = (used(&mut raw).await - before) / JOBS;
    assert!(each < 2048, "{each} bytes for each queued job");
}

#[tokio::test]
async fn a_finished_job_takes_little_and_soon_less() {
    let world = World::new().await;
    let mut raw = world.raw().await;
    let worker = world.worker(LONG).await;
    let job = world.submit().await;
    let lease = take(&worker).await;
    for step in 1..=30 {
        lease.progress(&Progress::denoise(step, 30)).await.unwrap();
    }
    lease.succeed(&result()).await.unwrap();
    let usage = async |raw: &mut MultiplexedConnection, name: &str| {
        let name = key(&format!("{name}:{}", job.id));
        let bytes: u64 =
            redis::cmd("MEMORY").arg("USAGE").arg(&name).arg("SAMPLES").arg(0).query_async(raw).await.unwrap();
        let ttl: u64 = redis::cmd("TTL").arg(&name).query_async(raw).await.unwrap();
        (bytes, ttl)
    };
    let (hash, hash_ttl) = usage(&mut raw, "job").await;
    let (events, events_ttl) = usage(&mut raw, "events").await;
    assert!(hash < 3072 && events < 12_288, "{hash} bytes, and {events} bytes of events");
    assert!((86_390..=86_400).contains(&hash_ttl) && (590..=600).contains(&events_ttl));
}

/// How many requests Redis got that this test does not send itself. A call of a script is one, whatever it does; no
/// script uses the other commands counted here.
async fn requests(raw: &mut MultiplexedConnection) -> u64 {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(raw).await.unwrap();
    let calls = |line: &str| {
        let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let is_request = ["evalsha", "xread", "hgetall", "ping", "unwatch", "script|load"].contains(&name);
        let (calls, _) = stats.strip_prefix("calls=")?.split_once(',')?;
        is_request.then(|| calls.parse::<u64>().unwrap())
    };
    info.lines().filter_map(calls).sum()
}

#[tokio::test]
async fn each_operation_is_one_round_trip() {
    let world = World::new().await;
    let mut raw = world.raw().await;
    let worker = world.worker(LONG).await;
    // The first time, scripts are loaded and connections made.
    for _ in 0..8 {
        world.submit().await;
        let lease = take(&worker).await;
        lease.renew().await.unwrap();
        lease.succeed(&result()).await.unwrap();
    }
    let mut counted = Vec::new();
    // The worker sweeps once a second by itself: the least of several runs is the operation's own.
    for _ in 0..3 {
        let mut run = Vec::new();
        let mut last = requests(&mut raw).await;
        let mut note = async |name: &'static str| {
            let now = requests(&mut raw).await;
            run.push((name, now - last));
            last = now;
        };
        let job = world.submit().await;
        note("submit").await;
        let lease = take(&worker).await;
        note("lease").await;
        lease.renew().await.unwrap();
        note("renew").await;
        lease.progress(&Progress::denoise(1, 2)).await.unwrap();
        note("progress").await;
        world.queue.record(job.id).await.unwrap();
        note("record").await;
        lease.succeed(&result()).await.unwrap();
        note("succeed").await;
        assert!(worker.lease(1, Duration::from_millis(1)).await.unwrap().is_empty());
        note("lease nothing").await;
        counted.push(run);
    }
    let least = counted.into_iter().reduce(|a, b| a.into_iter().zip(b).map(|((n, x), (_, y))| (n, x.min(y))).collect());
    let expected = [
        ("submit", 1),
        ("lease", 1),
        ("renew", 1),
        ("progress", 1),
        ("record", 1),
        ("succeed", 1),
        // To find out that there is nothing, to wait, and to look once more.
        ("lease nothing", 3),
    ];
    assert_eq!(least.unwrap(), expected);
}

//! How many lanes there may be, how long their numbers are kept, and which names they are made of.

use crate::world::{LONG, World, job, key, options, result, take, worker_info};
use domain::{Capability, Job, JobSpec, Needs, WorkerInfo};
use queue::{Error, LeaseOptions, Queue, Submission};
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use std::collections::HashMap;
use std::time::Duration;

/// The greatest number of lanes; see `lanes.lua`.
const MOST_LANES: u32 = 512;

/// A job in one of many lanes.
fn in_lane(n: u32) -> Submission {
    let needs = Needs { grid: 32 * n, ..job().spec.needs(0) };
    Submission { needs, ..job().into() }
}

/// Whether the name of a lane is part of a text; names of pools are not.
fn names_lane(text: &str) -> bool {
    text.contains("image_to_mesh/1//1/")
}

async fn numbers(raw: &mut MultiplexedConnection) -> HashMap<String, String> {
    raw.hgetall(key("numbers")).await.unwrap()
}

/// Makes Redis believe that lanes had their latest dispatch long ago, and that lanes were not searched for since.
async fn let_an_hour_pass(raw: &mut MultiplexedConnection) {
    for (field, value) in numbers(raw).await {
        if field.starts_with("since:") || field == "lanes_swept" {
            let earlier = value.parse::<u64>().unwrap() - 3_600_000;
            raw.hset::<_, _, _, ()>(key("numbers"), field, earlier).await.unwrap();
        }
    }
}

#[tokio::test]
async fn lanes_without_jobs_are_forgotten_after_an_hour() {
    let world = World::new().await;
    let mut raw = world.raw().await;
    let capability = Capability { max_grid: u32::MAX, ..worker_info().capabilities.remove(0) };
    let info = WorkerInfo { capabilities: vec![capability], ..worker_info() };
    let worker = world.queue.worker(info, LeaseOptions { lease: LONG, max_attempts: 3 }).await.unwrap();
    for n in 1..=40 {
        world.queue.submit(&in_lane(n)).await.unwrap();
        take(&worker).await.succeed(&result()).await.unwrap();
    }
    let waiting = in_lane(41);
    world.queue.submit(&waiting).await.unwrap();
    world.queue.sweep().await.unwrap();
    assert_eq!(numbers(&mut raw).await["known_lanes"], "41", "they are kept for a while");

    let_an_hour_pass(&mut raw).await;
    world.queue.sweep().await.unwrap();
    let fields = numbers(&mut raw).await;
    assert!(!fields.keys().any(|field| names_lane(field) && !field.ends_with(&waiting.needs.lane())), "{fields:?}");
    assert_eq!(fields["known_lanes"], "1");
    take(&worker).await.succeed(&result()).await.unwrap();
    let_an_hour_pass(&mut raw).await;
    world.queue.sweep().await.unwrap();
    let fields = numbers(&mut raw).await;
    assert!(!fields.keys().any(|field| names_lane(field)), "{fields:?}");
    // No key names a lane, and those with a field that does are gone soon.
    for name in raw.keys::<_, Vec<String>>("*").await.unwrap() {
        assert!(!names_lane(&name), "{name}");
        let has_lanes = name.contains(":tenant:") || name.contains(":job:");
        assert!(!has_lanes || raw.ttl::<_, i64>(&name).await.unwrap() > 0, "{name}");
    }
}

#[tokio::test]
async fn the_account_of_a_busy_tenant_forgets_lanes_as_well() {
    let world = World::new().await;
    let mut raw = world.raw().await;
    world.submit().await;
    for n in 1..=20 {
        let one = in_lane(100 + n);
        world.queue.submit(&one).await.unwrap();
        world.queue.cancel(one.job.id).await.unwrap();
    }
    let_an_hour_pass(&mut raw).await;
    world.queue.sweep().await.unwrap();
    // Each 256th job of the queue looks after the account of its tenant.
    raw.hset::<_, _, _, ()>(key("numbers"), "enqueued", 255).await.unwrap();
    world.submit().await;
    let account: HashMap<String, String> = raw.hgetall(key(&format!("tenant:user:{}", job().owner))).await.unwrap();
    let lanes: Vec<&String> = account.keys().filter(|field| field.starts_with("waiting:")).collect();
    assert_eq!(lanes, [&format!("waiting:{}", job().spec.needs(0).lane())], "{account:?}");
}

#[tokio::test]
async fn one_lane_too_many_is_refused_and_empty_lanes_make_room() {
    let world = World::new().await;
    let queue = &world.queue;
    let all: Vec<Submission> = (1..=MOST_LANES).map(in_lane).collect();
    for part in all.chunks(queue::MAX_BATCH) {
        queue.submit_batch(domain::BatchId::new(), part).await.unwrap();
    }
    let before = queue.depth().await.unwrap();
    let error = queue.submit(&in_lane(MOST_LANES + 1)).await.unwrap_err();
    assert!(matches!(error, Error::TooManyLanes { lanes: 512, .. }) && error.is_retryable(), "{error:?}");
    let batch = [in_lane(1), in_lane(MOST_LANES + 1)];
    let error = queue.submit_batch(domain::BatchId::new(), &batch).await.unwrap_err();
    assert!(matches!(error, Error::TooManyLanes { .. }), "{error:?}");
    assert_eq!(queue.depth().await.unwrap(), before, "nothing of a refused batch is queued");
    queue.submit(&in_lane(1)).await.unwrap();

    queue.cancel(all[7].job.id).await.unwrap();
    test_support::wait_until("room for a lane", Duration::from_secs(5), async || {
        queue.submit(&in_lane(MOST_LANES + 1)).await.is_ok()
    })
    .await;
    assert!(
        matches!(queue.submit(&in_lane(8)).await, Err(Error::TooManyLanes { .. })),
        "the other lane took its place"
    );
    assert_eq!(queue.lanes().await.unwrap().len(), MOST_LANES as usize);
}

#[tokio::test]
async fn names_with_separators_are_refused_and_change_nothing() {
    let world = World::new().await;
    let lease = LeaseOptions { lease: LONG, max_attempts: 3 };
    let worker = world.worker(LONG).await;
    for name in ["", "a b", "a/b", "a\nuser:image_to_mesh/1//1/0", "a\tb", "x\n*"] {
        let capability = |kind: &str, model: &str| {
            let first = worker_info().capabilities.remove(0);
            let capability = Capability { kind: kind.to_owned(), model: model.to_owned(), ..first };
            WorkerInfo { capabilities: vec![capability], ..worker_info() }
        };
        for info in [capability(name, "tiny"), capability("image_to_mesh", name)] {
            assert!(matches!(world.queue.worker(info.clone(), lease).await, Err(Error::InvalidName(_))), "{name:?}");
            assert!(matches!(worker.announce(info.clone()).await, Err(Error::InvalidName(_))), "{name:?}");
            assert!(matches!(world.queue.announce(&info).await, Err(Error::InvalidName(_))), "{name:?}");
        }
        let needs = job().spec.needs(0);
        for needs in [Needs { kind: name.to_owned(), ..needs.clone() }, Needs { model: Some(name.to_owned()), ..needs }]
        {
            let submission = Submission { needs, ..job().into() };
            assert!(matches!(world.queue.submit(&submission).await, Err(Error::InvalidName(_))), "{name:?}");
        }
        let mut next = job().spec;
        let JobSpec::ImageToMesh(spec) = &mut next else { unreachable!() };
        spec.model = Some(name.to_owned());
        let submission = Job { next: vec![next], ..job() }.into();
        assert!(matches!(world.queue.submit(&submission).await, Err(Error::InvalidName(_))), "{name:?}");
    }
    assert_eq!(world.queue.lanes().await.unwrap(), []);
    assert_eq!(world.queue.workers().await.unwrap().len(), 1);
    world.submit().await;
    take(&worker).await.succeed(&result()).await.unwrap();
}

#[tokio::test]
async fn unfinished_jobs_of_a_version_before_lanes_are_refused() {
    let world = World::new().await;
    let mut raw = world.raw().await;
    raw.zadd::<_, _, _, ()>(key("open"), job().id.to_string(), 1).await.unwrap();
    let error = Queue::connect(&options(&world.server.url())).await.unwrap_err();
    assert!(matches!(error, Error::OldLayout { jobs: 1, .. }) && !error.is_retryable(), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("1 unfinished jobs") && text.contains("DEL test:{queue}:open"), "{text}");
    // Another installation on the same server is not affected, nor is this one once they are gone.
    Queue::connect(&options(&world.server.url()).with_prefix("other")).await.unwrap();
    raw.del::<_, ()>(key("open")).await.unwrap();
    Queue::connect(&options(&world.server.url())).await.unwrap();
}

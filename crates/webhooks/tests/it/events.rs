//! Which events are delivered, and what happens to unreadable ones.

use crate::world::{ADA, BOB, PREFIX, Receiver, World, job, worker_info};
use domain::{Class, JobId, JobState};
use queue::LeaseOptions;
use redis::AsyncCommands;
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;
use webhooks::{DeliveryState, Event, NewEndpoint};

async fn redis(world: &World) -> redis::aio::MultiplexedConnection {
    redis::Client::open(world.redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn subscribe(world: &World, receiver: &Receiver, events: &[Event]) {
    let new: NewEndpoint = serde_json::from_value(json!({ "url": receiver.url(), "events": events })).unwrap();
    world.webhooks.add(ADA, Class::Agent, new).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_of_a_job_can_be_subscribed_to() {
    let world = World::new().await;
    let (all, ends) = (Receiver::answering("200 OK").await, Receiver::answering("200 OK").await);
    subscribe(&world, &all, &Event::ALL).await;
    world.add(ADA, &ends).await;
    let _running = world.run("one");
    let job = job(ADA);
    let id = job.id;
    world.queue.submit(&job.into()).await.unwrap();
    let worker = world.queue.worker(worker_info(), LeaseOptions::default()).await.unwrap();
    // Released once: queued and started occur twice.
    let lease = worker.lease(1, Duration::from_secs(20)).await.unwrap().pop().unwrap();
    lease.release().await.unwrap();
    let lease = worker.lease(1, Duration::from_secs(20)).await.unwrap().pop().unwrap();
    drop(lease);
    world.queue.cancel(id).await.unwrap();

    ends.wait(1).await;
    let messages = all.wait(5).await;
    let types: Vec<_> = messages.iter().map(|message| message.json()["type"].as_str().unwrap().to_owned()).collect();
    let count = |name: &str| types.iter().filter(|found| *found == name).count();
    assert!(count("job.queued") >= 2 && count("job.started") >= 2, "{types:?}");
    let ids: HashSet<_> = messages.iter().map(|message| message.id().to_owned()).collect();
    assert_eq!(ids.len(), messages.len(), "each event has a delivery of its own");
    for message in &messages {
        let message = message.json();
        let expected = match message["type"].as_str().unwrap() {
            "job.queued" => "queued",
            "job.started" | "job.progress" => "running",
            "job.cancelled" => "cancelled",
            other => panic!("{other}"),
        };
        assert_eq!(message["data"]["status"], expected, "the state at the time of the event");
        assert_eq!(message["data"]["job_id"], json!(id));
    }
    assert!(ends.messages().iter().all(|message| message.json()["type"] == "job.cancelled"));
}

/// A record of a newer version must not delay the events read with it.
#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_job_delays_no_other() {
    let world = World::new().await;
    let (ada, bob) = (Receiver::answering("200 OK").await, Receiver::answering("200 OK").await);
    world.add(ADA, &ada).await;
    world.add(BOB, &bob).await;
    let mut jobs = Vec::new();
    for owner in [ADA, BOB, ADA, BOB, ADA, BOB] {
        jobs.push((owner, world.ended(owner, JobState::Cancelled).await));
    }
    let key = format!("{PREFIX}:{{queue}}:job:{}", jobs[2].1);
    let () = redis(&world).await.hset(&key, "job", r#"{"v":250}"#).await.unwrap();
    let _running = world.run("one");
    let received = [ada.wait(3).await, bob.wait(3).await].concat();
    let received: HashSet<JobId> =
        received.iter().map(|message| message.json()["data"]["job_id"].as_str().unwrap().parse().unwrap()).collect();
    assert_eq!(received, jobs.into_iter().map(|(_, id)| id).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_endpoint_affects_only_itself() {
    let world = World::new().await;
    let receiver = Receiver::answering("200 OK").await;
    let (endpoint, _) = world.add(ADA, &receiver).await;
    let key = format!("{PREFIX}:{{webhooks}}:endpoints:{ADA}");
    let stored: String = redis(&world).await.hget(&key, endpoint.id.as_str()).await.unwrap();
    // An event of a newer version is ignored, a broken record is left out.
    let newer = stored.replace("\"job.failed\"", "\"job.textured\"");
    assert_ne!(newer, stored);
    let () = redis(&world).await.hset(&key, endpoint.id.as_str(), newer).await.unwrap();
    let () = redis(&world).await.hset(&key, "whk_broken", "{").await.unwrap();
    let _running = world.run("one");
    world.ended(ADA, JobState::Cancelled).await;
    world.until(&endpoint.id, DeliveryState::Delivered).await;
    assert_eq!(world.webhooks.list(ADA).await.unwrap().len(), 1);
}

/// Deliveries of a version that had one set for all endpoints.
#[tokio::test(flavor = "multi_thread")]
async fn pending_deliveries_of_an_earlier_version_are_sent() {
    let world = World::new().await;
    let receiver = Receiver::answering("200 OK").await;
    let (endpoint, _) = world.add(ADA, &receiver).await;
    let id = "msg_0123456789abcdef0123456789abcdef";
    let fields = [
        ("tenant", ADA),
        ("endpoint", endpoint.id.as_str()),
        ("event", "job.failed"),
        ("body", "{}"),
        ("state", "pending"),
        ("attempt", "0"),
        ("token", "0"),
        ("created", "1750000000000"),
        ("next", "1750000000000"),
    ];
    let mut redis = redis(&world).await;
    let () = redis.hset_multiple(format!("{PREFIX}:{{webhooks}}:delivery:{id}"), &fields).await.unwrap();
    let () = redis.zadd(format!("{PREFIX}:{{webhooks}}:due"), id, 1_750_000_000_000_u64).await.unwrap();
    let _running = world.run("one");
    assert_eq!(receiver.wait(1).await[0].id(), id);
}

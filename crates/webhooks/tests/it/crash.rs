//! A process that is killed during its deliveries.

use crate::world::{ADA, Receiver, World, describe, parts};
use domain::JobState;
use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use webhooks::WebhookOptions;

const REDIS: &str = "COURIER_REDIS";

fn options() -> WebhookOptions {
    // A lease is ten seconds longer.
    WebhookOptions {
        webhook_timeout_seconds: 8,
        webhook_schedule: "0,1,1,1,1,1".parse().unwrap(),
        ..WebhookOptions::default()
    }
}

/// Not a test: the process that the test below starts, from the same binary, and kills.
#[test]
#[ignore = "a process that `cargo test -p webhooks --test it crash` starts and kills"]
fn courier() {
    let redis = std::env::var(REDIS).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let (queue, webhooks) = parts(&redis, options()).await;
        webhooks.run(queue, "courier", describe(), CancellationToken::new()).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn no_delivery_is_lost_when_its_process_is_killed() {
    let world = World::with(options()).await;
    // The first two requests, one per killed process, are never answered. A new endpoint gets one call at a time.
    let receiver = Receiver::start(|n| ("200 OK".to_owned(), Duration::from_secs(if n < 2 { 600 } else { 0 }))).await;
    world.add(ADA, &receiver).await;
    let mut jobs = HashSet::new();
    for _ in 0..30 {
        jobs.insert(world.ended(ADA, JobState::Cancelled).await.to_string());
    }
    for round in 1..=2 {
        let mut courier = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::courier", "--ignored"])
            .env(REDIS, world.redis.url())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        receiver.wait(round).await;
        courier.kill().unwrap();
        courier.wait().unwrap();
    }
    let _running = world.run("successor");
    // Both come again when their leases end.
    let messages = receiver.wait(32).await;
    let received = messages.iter().map(|message| message.json()["data"]["job_id"].as_str().unwrap().to_owned());
    assert_eq!(received.collect::<HashSet<_>>(), jobs);
    // A repeated message has the same id.
    let pairs: HashSet<_> = messages.iter().map(|m| (m.id().to_owned(), m.body.clone())).collect();
    assert_eq!(pairs.len(), 30);
}

//! A process that dies in the middle of its deliveries.

use crate::world::{ADA, Receiver, World, describe, parts};
use domain::JobState;
use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use webhooks::WebhookOptions;

const REDIS: &str = "COURIER_REDIS";

fn options() -> WebhookOptions {
    // A lease is ten seconds longer than this.
    WebhookOptions {
        webhook_timeout_seconds: 1,
        webhook_schedule: "0,1,1,1,1,1".parse().unwrap(),
        ..WebhookOptions::default()
    }
}

/// Not a test: the process that is killed. It is this very program, called by the test below.
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
async fn killed_in_the_middle_of_a_delivery_it_loses_none() {
    let world = World::with(options()).await;
    // It answers nobody at first: whatever is under way is cut off with the process.
    let receiver = Receiver::start(|n| ("200 OK".to_owned(), Duration::from_millis(if n < 4 { 900 } else { 5 }))).await;
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
        receiver.wait(round * 4).await;
        courier.kill().unwrap();
        courier.wait().unwrap();
    }
    let _running = world.run("successor");
    let started = std::time::Instant::now();
    let mut missing = jobs;
    while !missing.is_empty() {
        assert!(started.elapsed() < Duration::from_secs(60), "{} were lost", missing.len());
        tokio::time::sleep(Duration::from_millis(100)).await;
        for message in receiver.messages() {
            missing.remove(message.json()["data"]["job_id"].as_str().unwrap());
        }
    }
    // What came twice came under the same id.
    let messages = receiver.messages();
    let pairs: HashSet<_> = messages.iter().map(|m| (m.id().to_owned(), m.body.clone())).collect();
    assert_eq!(pairs.len(), 30);
    assert!(messages.len() > 30, "something was under way when it was killed");
}

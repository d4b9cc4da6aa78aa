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
        webhook_timeout_seconds: 8,
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
    // It does not answer the first eight, four for each process: they are cut off with it.
    let receiver = Receiver::start(|n| ("200 OK".to_owned(), Duration::from_secs(if n < 8 { 600 } else { 0 }))).await;
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
    // The eight come again when their leases are over.
    let messages = receiver.wait(38).await;
    let told = messages.iter().map(|message| message.json()["data"]["job_id"].as_str().unwrap().to_owned());
    assert_eq!(told.collect::<HashSet<_>>(), jobs);
    // What came twice came under the same id.
    let pairs: HashSet<_> = messages.iter().map(|m| (m.id().to_owned(), m.body.clone())).collect();
    assert_eq!(pairs.len(), 30);
}

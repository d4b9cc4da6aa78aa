//! Endpoints that do not answer delay no others, and their stored deliveries are bounded.

use crate::world::{ADA, BOB, PREFIX, Receiver, World, job};
use domain::JobState;
use redis::AsyncCommands;
use std::time::{Duration, Instant};
use test_support::wait_until;
use tokio::time::sleep;
use webhooks::{DeliveryState, WebhookOptions};

/// No call times out within a test.
fn patient() -> WebhookOptions {
    WebhookOptions { webhook_timeout_seconds: 300, ..WebhookOptions::default() }
}

async fn silent() -> Receiver {
    Receiver::start(|_| ("200 OK".to_owned(), Duration::from_secs(300))).await
}

async fn cancelled(world: &World, owner: &str, jobs: usize) {
    for _ in 0..jobs {
        world.ended(owner, JobState::Cancelled).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_silent_endpoints_delay_no_other() {
    let world = World::with(patient()).await;
    let silent = silent().await;
    for tenant in ["agt_one", "agt_two"] {
        for _ in 0..5 {
            world.add(tenant, &silent).await;
        }
        cancelled(&world, tenant, 20).await;
    }
    let _running = world.run("one");
    silent.wait(10).await;
    let quick = Receiver::answering("200 OK").await;
    world.add(BOB, &quick).await;
    let started = Instant::now();
    cancelled(&world, BOB, 10).await;
    quick.wait(10).await;
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!(silent.messages().len(), 10, "an endpoint that has not answered yet gets one call");
}

/// With as many silent endpoints as there are calls, those that answer keep their half.
#[tokio::test(flavor = "multi_thread")]
async fn silent_endpoints_get_at_most_half_of_the_calls() {
    let world = World::with(WebhookOptions { webhook_calls: 8, ..patient() }).await;
    let (silent, quick) = (silent().await, Receiver::answering("200 OK").await);
    let (endpoint, _) = world.add(ADA, &quick).await;
    let _running = world.run("one");
    cancelled(&world, ADA, 1).await;
    world.until(&endpoint.id, DeliveryState::Delivered).await;
    for tenant in 0..40 {
        let tenant = format!("agt_{tenant}");
        world.add(&tenant, &silent).await;
        cancelled(&world, &tenant, 2).await;
    }
    silent.wait(4).await;
    cancelled(&world, ADA, 10).await;
    quick.wait(11).await;
    assert_eq!(silent.messages().len(), 4);
}

/// An endpoint that answers and then stops to holds four calls at most, and its tenant eight.
#[tokio::test(flavor = "multi_thread")]
async fn calls_are_bounded_per_endpoint_and_per_tenant() {
    let world = World::with(patient()).await;
    let receiver = Receiver::start(|n| ("200 OK".to_owned(), Duration::from_secs(if n < 5 { 0 } else { 300 }))).await;
    let mut endpoints = Vec::new();
    for _ in 0..5 {
        endpoints.push(world.add(ADA, &receiver).await.0);
    }
    let _running = world.run("one");
    cancelled(&world, ADA, 1).await;
    for endpoint in &endpoints {
        world.until(&endpoint.id, DeliveryState::Delivered).await;
    }
    cancelled(&world, ADA, 20).await;
    receiver.wait(13).await;
    sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.messages().len(), 13);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_endpoint_costs_few_commands() {
    let world = World::with(patient()).await;
    let silent = silent().await;
    world.add(ADA, &silent).await;
    cancelled(&world, ADA, 300).await;
    let _running = world.run("one");
    silent.wait(1).await;
    let client = redis::Client::open(world.redis.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let scripts = async |redis: &mut redis::aio::MultiplexedConnection| -> u64 {
        let info: String = redis::cmd("INFO").arg("commandstats").query_async(redis).await.unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls=")).unwrap().to_owned();
        line.split(',').next().unwrap().parse().unwrap()
    };
    // The events have been read when their deliveries are stored.
    let stored = async || {
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        redis.zcard::<_, u64>(format!("{PREFIX}:{{webhooks}}:kept")).await.unwrap() == 300
    };
    wait_until("all deliveries", Duration::from_secs(60), stored).await;
    let (before, started) = (scripts(&mut redis).await, Instant::now());
    sleep(Duration::from_secs(3)).await;
    let rate = (scripts(&mut redis).await - before) as f64 / started.elapsed().as_secs_f64();
    // A claim and a read of the outbox each 250 ms.
    assert!(rate < 20.0, "{rate} scripts per second");
}

/// Nothing is sent here: deliveries only accumulate.
#[tokio::test(flavor = "multi_thread")]
async fn stored_deliveries_are_bounded() {
    let world = World::with(WebhookOptions { webhook_schedule: "500000".parse().unwrap(), ..patient() }).await;
    let receiver = Receiver::answering("200 OK").await;
    let tenants = ["agt_a", "agt_b", "agt_c", "agt_d", "agt_e"];
    for tenant in tenants {
        for _ in 0..5 {
            world.add(tenant, &receiver).await;
        }
    }
    let submit = async |tenant: &'static str, jobs: usize| {
        for _ in 0..jobs {
            let job = job(tenant);
            let id = job.id;
            world.queue.submit(&job.into()).await.unwrap();
            world.queue.cancel(id).await.unwrap();
        }
    };
    tokio::join!(
        submit("agt_a", 1_010),
        submit("agt_b", 810),
        submit("agt_c", 810),
        submit("agt_d", 810),
        submit("agt_e", 810)
    );
    let _running = world.run("one");
    let client = redis::Client::open(world.redis.url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let pending = async || {
        let mut redis = client.get_multiplexed_async_connection().await.unwrap();
        let groups: Vec<std::collections::HashMap<String, redis::Value>> = redis::cmd("XINFO")
            .arg("GROUPS")
            .arg(format!("{PREFIX}:{{queue}}:outbox"))
            .query_async(&mut redis)
            .await
            .unwrap_or_default();
        let number =
            |name: &str| groups.first().and_then(|group| redis::from_redis_value::<u64>(group.get(name)?.clone()).ok());
        (number("lag"), number("pending")) == (Some(0), Some(0))
    };
    wait_until("all events to be read", Duration::from_secs(120), pending).await;
    let kept: u64 = redis.zcard(format!("{PREFIX}:{{webhooks}}:kept")).await.unwrap();
    assert_eq!(kept, 20_000);
    let keys: Vec<String> = redis.keys(format!("{PREFIX}:{{webhooks}}:delivery:*")).await.unwrap();
    assert_eq!(keys.len(), 20_000);
    let lists: Vec<String> = redis.keys(format!("{PREFIX}:{{webhooks}}:due:*")).await.unwrap();
    for list in lists {
        let due: u64 = redis.zcard(&list).await.unwrap();
        assert!(due <= 1_000, "{list}: {due}");
    }
    let bytes: u64 = {
        let info: String = redis::cmd("INFO").arg("memory").query_async(&mut redis).await.unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap().to_owned();
        line.trim().parse().unwrap()
    };
    assert!(bytes < 100 << 20, "{bytes} bytes of Redis memory, jobs included");
}

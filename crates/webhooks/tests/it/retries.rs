//! Retries: schedule, `Retry-After`, and replays.

use crate::world::{ADA, Receiver, World};
use domain::JobState;
use std::collections::HashSet;
use std::time::Duration;
use tokio::time::sleep;
use webhooks::{DeliveryState, Error, WebhookOptions};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_retried_under_the_same_id_until_it_succeeds() {
    let world = World::new().await;
    let receiver = Receiver::start(|n| {
        (["500 Broken", "302 Found\r\nLocation: http://127.0.0.1:1/", "200 OK"][n.min(2)].to_owned(), Duration::ZERO)
    })
    .await;
    let (endpoint, _) = world.add(ADA, &receiver).await;
    let _running = world.run("one");
    world.ended(ADA, JobState::Failed).await;
    let delivery = world.until(&endpoint.id, DeliveryState::Delivered).await;
    let statuses: Vec<_> = delivery.attempts.iter().map(|attempt| attempt.status.unwrap()).collect();
    assert_eq!(statuses, [500, 302, 200]);
    let messages = receiver.messages();
    assert!(messages.iter().all(|message| message.id() == delivery.id.as_str() && message.body == messages[0].body));
    sleep(Duration::from_millis(500)).await;
    assert_eq!(receiver.messages().len(), 3, "a delivered message is not sent again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_fails_after_the_schedule_and_can_be_replayed() {
    let world = World::new().await;
    let receiver = Receiver::start(|n| (if n < 4 { "503 Busy" } else { "200 OK" }.to_owned(), Duration::ZERO)).await;
    let (endpoint, _) = world.add(ADA, &receiver).await;
    let _running = world.run("one");
    world.ended(ADA, JobState::Cancelled).await;
    let delivery = world.until(&endpoint.id, DeliveryState::Failed).await;
    assert_eq!((delivery.attempts.len(), delivery.next_ms), (4, None));
    world.webhooks.replay(ADA, &endpoint.id, &delivery.id).await.unwrap();
    let again = world.until(&endpoint.id, DeliveryState::Delivered).await;
    assert_eq!((again.id, again.attempts.len()), (delivery.id.clone(), 5));
    let foreign = world.webhooks.replay(crate::world::BOB, &endpoint.id, &delivery.id).await;
    assert!(matches!(foreign, Err(Error::UnknownDelivery)));
    // Nothing is older.
    assert!(world.webhooks.deliveries(ADA, &endpoint.id, Some(&delivery.id), 10).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn gone_disables_the_endpoint_until_it_is_enabled() {
    let world = World::new().await;
    let receiver = Receiver::start(|n| (if n == 0 { "410 Gone" } else { "200 OK" }.to_owned(), Duration::ZERO)).await;
    let (endpoint, _) = world.add(ADA, &receiver).await;
    let _running = world.run("one");
    world.ended(ADA, JobState::Cancelled).await;
    world.until(&endpoint.id, DeliveryState::Failed).await;
    assert_eq!(world.webhooks.list(ADA).await.unwrap()[0].disabled.as_deref(), Some("gone"));
    world.ended(ADA, JobState::Cancelled).await;
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(receiver.messages().len(), 1);
    world.webhooks.enable(ADA, &endpoint.id).await.unwrap();
    world.ended(ADA, JobState::Cancelled).await;
    receiver.wait(2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_honoured() {
    let world = World::new().await;
    let receiver = Receiver::start(|n| {
        (if n == 0 { "429 Slow down\r\nRetry-After: 2" } else { "200 OK" }.to_owned(), Duration::ZERO)
    })
    .await;
    let (endpoint, _) = world.add(ADA, &receiver).await;
    let _running = world.run("one");
    world.ended(ADA, JobState::Cancelled).await;
    let delivery = world.until(&endpoint.id, DeliveryState::Delivered).await;
    let [first, second] = &delivery.attempts[..] else { panic!("{delivery:?}") };
    assert!(second.at_ms - first.at_ms >= 1900, "{delivery:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_endpoint_is_retried() {
    let options = WebhookOptions {
        webhook_schedule: "0,0.1".parse().unwrap(),
        webhook_timeout_seconds: 1,
        ..WebhookOptions::default()
    };
    let world = World::with(options).await;
    let slow = Receiver::start(|_| ("200 OK".to_owned(), Duration::from_secs(60))).await;
    let (endpoint, _) = world.add(ADA, &slow).await;
    let _running = world.run("one");
    world.ended(ADA, JobState::Cancelled).await;
    let delivery = world.until(&endpoint.id, DeliveryState::Failed).await;
    assert_eq!(delivery.attempts.len(), 2);
    assert!(delivery.attempts.iter().all(|a| a.status.is_none() && a.error.as_deref().unwrap().contains("too long")));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_share_the_work_and_send_nothing_twice() {
    let (world, receiver) = (World::new().await, Receiver::answering("200 OK").await);
    world.add(ADA, &receiver).await;
    let (_one, _two) = (world.run("one"), world.run("two"));
    for _ in 0..60 {
        world.ended(ADA, JobState::Cancelled).await;
    }
    receiver.wait(60).await;
    sleep(Duration::from_millis(600)).await;
    let ids: HashSet<_> = receiver.messages().iter().map(|message| message.id().to_owned()).collect();
    assert_eq!((ids.len(), receiver.messages().len()), (60, 60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_endpoint_is_not_called() {
    let (world, receiver) = (World::new().await, Receiver::answering("500 No").await);
    let (endpoint, _) = world.add(ADA, &receiver).await;
    let _running = world.run("one");
    world.ended(ADA, JobState::Cancelled).await;
    receiver.wait(1).await;
    world.webhooks.remove(ADA, &endpoint.id).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    let count = receiver.messages().len();
    sleep(Duration::from_millis(800)).await;
    assert!(receiver.messages().len() <= count.max(2));
    assert!(world.webhooks.list(ADA).await.unwrap().is_empty());
}

//! Endpoints: ownership, limits, and storage.

use crate::world::{ADA, BOB, Receiver, World};
use domain::{Class, JobState};
use secrecy::ExposeSecret;
use serde_json::json;
use webhooks::{DeliveryState, EndpointId, Error, NewEndpoint};

fn to(url: &str) -> NewEndpoint {
    serde_json::from_value(json!({ "url": url })).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_has_up_to_five_endpoints_of_its_own() {
    let world = World::new().await;
    let mut made = Vec::new();
    for n in 0..5 {
        let (endpoint, _) =
            world.webhooks.add(ADA, Class::Agent, to(&format!("https://example.com/{n}"))).await.unwrap();
        made.push(endpoint);
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    let sixth = world.webhooks.add(ADA, Class::Agent, to("https://example.com/6")).await.unwrap_err();
    assert!(matches!(sixth, Error::TooMany { max: 5 }), "{sixth}");
    world.webhooks.add(BOB, Class::Agent, to("https://example.com/")).await.unwrap();
    assert_eq!(world.webhooks.list(ADA).await.unwrap().len(), 5);

    let ada = &made[0].id;
    assert!(matches!(world.webhooks.remove(BOB, ada).await, Err(Error::UnknownEndpoint)));
    assert!(matches!(world.webhooks.rotate(BOB, ada).await, Err(Error::UnknownEndpoint)));
    assert!(matches!(world.webhooks.enable(BOB, ada).await, Err(Error::UnknownEndpoint)));
    assert!(matches!(world.webhooks.deliveries(BOB, ada, None, 5).await, Err(Error::UnknownEndpoint)));
    world.webhooks.remove(ADA, ada).await.unwrap();
    assert!(matches!(world.webhooks.remove(ADA, ada).await, Err(Error::UnknownEndpoint)));
    assert_eq!(world.webhooks.list(ADA).await.unwrap(), made[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_of_internal_addresses_are_refused() {
    let world = World::new().await;
    for url in [
        "http://10.0.0.1:8080/",
        "http://169.254.169.254:8080/",
        "ftp://example.com/",
        "https://a@example.com:4443/",
        "x",
    ] {
        let refused = world.webhooks.add(ADA, Class::Agent, to(url)).await.unwrap_err();
        assert!(matches!(refused, Error::Url(_)), "{url}: {refused}");
    }
    let none = NewEndpoint { url: "https://example.com/".to_owned(), events: Vec::new() };
    assert!(world.webhooks.add(ADA, Class::Agent, none).await.is_err());
    assert!(serde_json::from_value::<NewEndpoint>(json!({ "url": "x", "events": ["job.exploded"] })).is_err());
    assert!(serde_json::from_value::<NewEndpoint>(json!({ "url": "x", "secret": "mine" })).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_endpoint_receives_its_events_of_its_own_tenant() {
    let (world, all, failures) =
        (World::new().await, Receiver::answering("200 OK").await, Receiver::answering("204 No Content").await);
    world.add(ADA, &all).await;
    let only = NewEndpoint {
        url: failures.url(),
        ..serde_json::from_value(json!({ "url": "", "events": ["job.failed"] })).unwrap()
    };
    let (endpoint, _) = world.webhooks.add(ADA, Class::Agent, only).await.unwrap();
    let _running = world.run("one");
    world.ended(BOB, JobState::Failed).await;
    let cancelled = world.ended(ADA, JobState::Cancelled).await;
    let failed = world.ended(ADA, JobState::Failed).await;
    let messages = all.wait(2).await;
    world.until(&endpoint.id, DeliveryState::Delivered).await;
    assert_eq!((messages.len(), failures.messages().len()), (2, 1));
    let message = failures.messages()[0].json();
    assert_eq!((&message["type"], &message["data"]["job_id"]), (&json!("job.failed"), &json!(failed)));
    assert_eq!(message["data"]["failure"]["code"], "image_empty");
    let time = message["timestamp"].as_str().unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    assert!(messages.iter().any(|message| message.json()["data"]["job_id"] == json!(cancelled)));
    assert_ne!(messages[0].id(), failures.messages()[0].id(), "each endpoint has its own messages");
    assert_eq!(failures.messages()[0].headers["content-type"], "application/json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_cannot_remove_another_tenants_deliveries() {
    let world = World::new().await;
    let receiver = Receiver::answering("200 OK").await;
    let (endpoint, _) = world.add(ADA, &receiver).await;
    let _running = world.run("one");
    world.ended(ADA, JobState::Cancelled).await;
    let delivered = world.until(&endpoint.id, DeliveryState::Delivered).await;
    assert!(matches!(world.webhooks.remove(BOB, &endpoint.id).await, Err(Error::UnknownEndpoint)));
    let replayed = world.webhooks.replay(BOB, &endpoint.id, &delivered.id).await;
    assert!(matches!(replayed, Err(Error::UnknownDelivery)));
    assert_eq!(world.webhooks.deliveries(ADA, &endpoint.id, None, 5).await.unwrap(), [delivered]);
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_contains_no_secret_in_clear() {
    let world = World::new().await;
    let receiver = Receiver::answering("200 OK").await;
    let (endpoint, secret) = world.add(ADA, &receiver).await;
    let next = world.webhooks.rotate(ADA, &endpoint.id).await.unwrap();
    let mut connection =
        redis::Client::open(world.redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let kept: String = redis::cmd("HGET")
        .arg(format!("test:{{webhooks}}:endpoints:{ADA}"))
        .arg(endpoint.id.as_str())
        .query_async(&mut connection)
        .await
        .unwrap();
    assert!(kept.contains("sealed"));
    for secret in [&secret, &next] {
        let text = secret.text();
        assert!(text.expose_secret().starts_with("whsec_"));
        assert!(!kept.contains(text.expose_secret().trim_start_matches("whsec_")));
        assert!(!format!("{secret:?}").contains(&text.expose_secret()[6..]));
    }
}

#[test]
fn ids_have_one_form() {
    for wrong in
        ["", "whk_", "whk_0123", "msg_00000000000000000000000000000000", "whk_0000000000000000000000000000000G", "../x"]
    {
        assert!(wrong.parse::<EndpointId>().is_err(), "{wrong}");
    }
}

//! Webhooks over the API: management, ownership, delivery.

use crate::agents::Agent;
use crate::pictures::png;
use crate::world::{World, problem};
use access::{Mode, Overrides};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Class;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

const HOOKS: &str = "/api/v1/webhooks";

/// An endpoint, and the requests that it receives, head and body.
async fn receiver() -> (SocketAddr, UnboundedReceiver<String>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, received) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = String::new();
            while !request.contains("\r\n\r\n{") || !request.ends_with('}') {
                let mut bytes = [0; 8192];
                let read = stream.read(&mut bytes).await.unwrap();
                request += std::str::from_utf8(&bytes[..read]).unwrap();
            }
            let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
            sender.send(request).unwrap();
        }
    });
    (address, received)
}

fn request(world: &World, method: Method, path: &str, key: usize) -> RequestBuilder {
    world.client.request(method, world.url(path)).bearer_auth(&world.keys[key])
}

async fn add(world: &World, url: &str) -> (String, Value) {
    let answer = request(world, Method::POST, HOOKS, 0).json(&json!({ "url": url })).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    (location, answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_job_is_delivered_and_replayed() {
    let (address, mut received) = receiver().await;
    let port = format!("--egress-ports=443,{}", address.port());
    let world = World::with(&["--egress-allow=127.0.0.0/8", &port]).await;
    let (location, hook) = add(&world, &format!("http://{address}/hook")).await;
    assert!(hook["secret"].as_str().unwrap().starts_with("whsec_"), "{hook}");
    assert_eq!(location, format!("{HOOKS}/{}", hook["id"].as_str().unwrap()));
    let listed: Value = request(&world, Method::GET, HOOKS, 0).send().await.unwrap().json().await.unwrap();
    assert_eq!((listed["webhooks"][0]["id"].clone(), listed["webhooks"][0].get("secret")), (hook["id"].clone(), None));

    let job: Value = world.post_form(&png(), &[]).send().await.unwrap().json().await.unwrap();
    assert_eq!(world.delete(job["job_id"].as_str().unwrap(), 0).send().await.unwrap().status(), 200);
    let message = timeout(Duration::from_secs(20), received.recv()).await.unwrap().unwrap();
    let (head, body) = message.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!((&body["type"], &body["data"]["status"]), (&"job.cancelled".into(), &"cancelled".into()));
    assert_eq!((&body["data"]["job_id"], &body["data"]["links"]), (&job["job_id"], &job["links"]));
    assert!(head.contains("webhook-id: msg_") && head.contains("webhook-signature: v1,"), "{head}");

    let deliveries = format!("{location}/deliveries");
    let mut log = Value::Null;
    test_support::wait_until("the delivery to be noted", Duration::from_secs(20), async || {
        log = request(&world, Method::GET, &deliveries, 0).send().await.unwrap().json().await.unwrap();
        log["deliveries"][0]["state"] == "delivered"
    })
    .await;
    assert_eq!(log["deliveries"][0]["attempts"][0]["status"], 204, "{log}");
    let replay = format!("{deliveries}/{}/replay", log["deliveries"][0]["id"].as_str().unwrap());
    assert_eq!(request(&world, Method::POST, &replay, 0).send().await.unwrap().status(), 202);
    let again = timeout(Duration::from_secs(20), received.recv()).await.unwrap().unwrap();
    assert_eq!(again.split_once("\r\n\r\n").unwrap().1, message.split_once("\r\n\r\n").unwrap().1);
}

/// The payload has the batch and the failure of the job.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_delivered_with_its_batch_and_its_reason() {
    let (address, mut received) = receiver().await;
    let port = format!("--egress-ports=443,{}", address.port());
    let world = World::with(&["--egress-allow=127.0.0.0/8", &port]).await;
    let (_, key, _) = crate::agents::add(&world, "tester", Class::User, Mode::Test, Overrides::default()).await;
    let post = |path: &str, body: Value| world.client.post(world.url(path)).bearer_auth(&key).json(&body);
    let hook = json!({ "url": format!("http://{address}/hook"), "events": ["job.failed"] });
    assert_eq!(post(HOOKS, hook).send().await.unwrap().status(), 201);
    let images = json!({ "images": [STANDARD.encode(png())] });
    let batch = post("/api/v1/batch", images).header("x-test-scenario", "fail:no_surface").send().await.unwrap();
    let batch: Value = batch.json().await.unwrap();

    let message = timeout(Duration::from_secs(20), received.recv()).await.unwrap().unwrap();
    let message: Value = serde_json::from_str(message.split_once("\r\n\r\n").unwrap().1).unwrap();
    let data = &message["data"];
    assert_eq!(
        (&message["type"], &data["status"], &data["test"]),
        (&"job.failed".into(), &"failed".into(), &true.into())
    );
    assert_eq!((&data["job_id"], &data["batch_id"]), (&batch["job_ids"][0], &batch["batch_id"]));
    assert_eq!((&data["failure"]["code"], &data["failure"]["retryable"]), (&"no_surface".into(), &false.into()));
}

/// The class of a job of a test key does not say whether its owner is an agent.
#[tokio::test(flavor = "multi_thread")]
async fn links_in_messages_are_those_of_the_tenants_surface() {
    let (address, mut received) = receiver().await;
    let port = format!("--egress-ports=443,{}", address.port());
    let world = World::with(&["--egress-allow=127.0.0.0/8", &port]).await;
    let agent = Agent::new(&world, "robot", Mode::Test).await;
    let hook = json!({ "url": format!("http://{address}/hook"), "events": ["job.queued"] });
    assert_eq!(agent.send(agent.post("/api/agent/webhooks").json(&hook)).await.status(), 201);
    let image = json!({ "image": STANDARD.encode(png()) });
    let job: Value = agent.send(agent.post("/api/agent/generate-3d").json(&image)).await.json().await.unwrap();
    let message = timeout(Duration::from_secs(20), received.recv()).await.unwrap().unwrap();
    let message: Value = serde_json::from_str(message.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(message["data"]["links"], job["links"]);
    assert!(job["links"]["self"].as_str().unwrap().starts_with("/api/agent/"), "{job}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_of_another_tenant_is_not_found() {
    let world = World::new().await;
    let (location, hook) = add(&world, "https://example.com/hook").await;
    let delivery = format!("{location}/deliveries/msg_{}/replay", "0".repeat(32));
    for (method, path, code) in [
        (Method::DELETE, location.clone(), "webhook_not_found"),
        (Method::POST, format!("{location}/rotate"), "webhook_not_found"),
        (Method::POST, format!("{location}/enable"), "webhook_not_found"),
        (Method::GET, format!("{location}/deliveries"), "webhook_not_found"),
        (Method::POST, delivery.clone(), "delivery_not_found"),
    ] {
        let refused = problem(request(&world, method.clone(), &path, 1).send().await.unwrap()).await;
        assert_eq!((&refused["code"], &refused["status"]), (&code.into(), &404.into()), "{method} {path}");
    }
    let others: Value = request(&world, Method::GET, HOOKS, 1).send().await.unwrap().json().await.unwrap();
    assert_eq!(others, json!({ "webhooks": [] }));
    // Its owner may do all of these.
    let refused = problem(request(&world, Method::POST, &delivery, 0).send().await.unwrap()).await;
    assert_eq!(refused["code"], "delivery_not_found");
    let rotated = request(&world, Method::POST, &format!("{location}/rotate"), 0).send().await.unwrap();
    let rotated: Value = rotated.json().await.unwrap();
    assert!(rotated["secret"].as_str().unwrap() != hook["secret"]);
    assert_eq!(request(&world, Method::POST, &format!("{location}/enable"), 0).send().await.unwrap().status(), 200);
    assert_eq!(request(&world, Method::DELETE, &location, 0).send().await.unwrap().status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_webhook_gets_the_reason() {
    let world = World::new().await;
    let post = |body: &'static str| {
        request(&world, Method::POST, HOOKS, 0).header("content-type", "application/json").body(body)
    };
    for (sent, code) in [
        (post(""), "empty_body"),
        (post("{"), "invalid_json"),
        (post("[]"), "invalid_parameter"),
        (post("{}"), "invalid_parameter"),
        (post(r#"{"url": "https://example.com/", "secret": "mine"}"#), "invalid_parameter"),
        (post(r#"{"url": "https://example.com/", "events": ["job.exploded"]}"#), "invalid_parameter"),
        (post(r#"{"url": "https://example.com/", "events": []}"#), "url_not_allowed"),
        (post(r#"{"url": "http://127.0.0.1/"}"#), "url_not_allowed"),
        (post(r#"{"url": "http://169.254.169.254/latest/meta-data"}"#), "url_not_allowed"),
        (post(r#"{"url": "https://user:password@example.com/"}"#), "url_not_allowed"),
        (request(&world, Method::POST, HOOKS, 0).body("{}"), "unsupported_content_type"),
        (request(&world, Method::DELETE, &format!("{HOOKS}/whk_1"), 0), "webhook_not_found"),
        (
            request(&world, Method::GET, &format!("{HOOKS}/whk_{}/deliveries?limit=0", "0".repeat(32)), 0),
            "invalid_parameter",
        ),
        (
            request(&world, Method::GET, &format!("{HOOKS}/whk_{}/deliveries?limit=x", "0".repeat(32)), 0),
            "invalid_parameter",
        ),
        (
            request(&world, Method::GET, &format!("{HOOKS}/whk_{}/deliveries?before=x", "0".repeat(32)), 0),
            "invalid_parameter",
        ),
    ] {
        let refused = problem(sent.send().await.unwrap()).await;
        assert_eq!(refused["code"], code, "{refused}");
    }
    for n in 0..5 {
        add(&world, &format!("https://example.com/{n}")).await;
    }
    let sixth = request(&world, Method::POST, HOOKS, 0).json(&json!({ "url": "https://example.com/" }));
    assert_eq!(problem(sixth.send().await.unwrap()).await["code"], "too_many_webhooks");
}

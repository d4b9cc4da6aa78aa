//! Images by URL.

use crate::pictures::png;
use crate::world::{World, problem};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A server with one answer for every request.
async fn server(head: &str, body: Vec<u8>) -> SocketAddr {
    counting_server(head, body).await.0
}

/// The same, with a count of its connections.
async fn counting_server(head: &str, body: Vec<u8>) -> (SocketAddr, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let connections = Arc::clone(&count);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = [format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes(), body].concat();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::Relaxed);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    (address, count)
}

async fn send(world: &World, url: &str) -> reqwest::Response {
    world.post().json(&json!({ "image_url": url, "steps": 3 })).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_unless_it_is_switched_on() {
    let world = World::new().await;
    let refused = problem(send(&world, "https://example.com/cat.png").await).await;
    assert_eq!((&refused["code"], &refused["parameter"]), (&"url_not_allowed".into(), &"image_url".into()));
    assert_eq!(world.stored(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_url_is_fetched_checked_and_stored() {
    let picture = server("HTTP/1.1 200 OK", png()).await;
    let port = format!("--egress-ports=80,443,{}", picture.port());
    let world = World::with(&["--fetch-urls", "--egress-allow=127.0.0.1/32", &port]).await;
    let answer = send(&world, &format!("http://{picture}/cat.png?size=1")).await;
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    let body: Value = answer.json().await.unwrap();
    let record = world.queue().await.record(body["job_id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    let sent = world.post_form(&png(), &[]).send().await.unwrap();
    assert_eq!(sent.status(), 202);
    assert_eq!((world.stored(), record.job.parameters().unwrap().steps), (1, Some(3)), "the same picture, once");
    let metrics = world.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("orfeas_picture_fetches_total{outcome=\"fetched\"}"), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_used_for_the_url_of_the_same_source_only() {
    let picture = server("HTTP/1.1 200 OK", png()).await;
    let port = format!("--egress-ports=80,443,{}", picture.port());
    let world = World::with(&["--fetch-urls", "--egress-allow=127.0.0.1/32", &port]).await;
    let keyed = |path: &str| {
        let body = json!({ "image_url": format!("http://{picture}/{path}") });
        world.post().header("idempotency-key", "cat-1").json(&body).send()
    };
    let first: Value = keyed("cat.png").await.unwrap().json().await.unwrap();
    let again: Value = keyed("cat.png").await.unwrap().json().await.unwrap();
    assert_eq!(again["job_id"], first["job_id"], "{again}");
    assert_eq!(problem(keyed("dog.png").await.unwrap()).await["code"], "idempotency_conflict");
    assert_eq!(world.queue().await.depth().await.unwrap().queued, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_servers_take_no_more_memory_than_there_is() {
    // Connections wait in its backlog and are never answered.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let ports = format!("--egress-ports=80,443,{}", silent.local_addr().unwrap().port());
    let options = ["--fetch-urls", "--egress-allow=127.0.0.1/32", "--fetch-timeout-seconds=1", "--fetches=1", &ports];
    let world = World::with(&options).await;
    // One fetch runs at a time and takes a second. The others wait for a second too, and are then refused.
    let answers = futures_util::future::join_all((0..10).map(|_| send(&world, &url))).await;
    let mut counts = [0, 0];
    for answer in answers {
        let retry = answer.headers().contains_key("retry-after");
        match (problem(answer).await["code"].as_str(), retry) {
            (Some("image_unreachable"), _) => counts[0] += 1,
            (Some("overloaded"), true) => counts[1] += 1,
            (other, _) => panic!("{other:?}"),
        }
    }
    assert!(counts[0] > 0 && counts[1] > 0, "{counts:?}");
    assert_eq!(world.stored(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_more_urls_than_are_fetched_at_once_succeeds() {
    let picture = server("HTTP/1.1 200 OK", png()).await;
    let port = format!("--egress-ports=80,443,{}", picture.port());
    let options = ["--fetch-urls", "--egress-allow=127.0.0.1/32", "--fetches=2", "--fetch-timeout-seconds=30", &port];
    let world = World::with(&options).await;
    let images: Vec<_> = (0..9).map(|n| json!({ "image_url": format!("http://{picture}/{n}.png") })).collect();
    let batch = world.client.post(world.url("/api/v1/batch")).bearer_auth(&world.keys[0]);
    let answer = batch.json(&json!({ "images": images })).send().await.unwrap();
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    assert_eq!(world.queue().await.depth().await.unwrap().queued, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_sent_again_is_answered_without_its_image_or_a_worker() {
    let (picture, fetches) = counting_server("HTTP/1.1 200 OK", png()).await;
    let ports = format!("--egress-ports=80,443,{}", picture.port());
    let world = World::with(&["--fetch-urls", "--egress-allow=127.0.0.1/32", &ports]).await;
    let url = format!("http://{picture}/once.png");
    let keyed = |seed: u64| {
        let body = json!({ "image_url": url, "seed": seed });
        world.post().header("idempotency-key", "once").json(&body)
    };
    let first: Value = keyed(1).send().await.unwrap().json().await.unwrap();
    let before = fetches.load(Ordering::Relaxed);
    let again: Value = keyed(1).send().await.unwrap().json().await.unwrap();
    assert_eq!((&again["job_id"], &again["seed"]), (&first["job_id"], &first["seed"]), "{again}");
    assert_eq!(problem(keyed(2).send().await.unwrap()).await["code"], "idempotency_conflict");
    assert_eq!(fetches.load(Ordering::Relaxed), before, "nothing was fetched again");
    let limits: Value = world.get("/api/v1/limits").send().await.unwrap().json().await.unwrap();
    assert!(limits.to_string().contains("\"used\":1"), "charged once: {limits}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_to_fetch_an_image_has_its_code() {
    let text = server("HTTP/1.1 200 OK", b"<html>not found</html>".to_vec()).await;
    let gone = server("HTTP/1.1 404 Not Found", Vec::new()).await;
    // Redirects are followed, each by the rules of the first URL.
    let moved = server(&format!("HTTP/1.1 302 Found\r\nLocation: http://{gone}/"), Vec::new()).await;
    let inside = server("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/", Vec::new()).await;
    let endless = server("HTTP/1.1 302 Found\r\nLocation: /again", Vec::new()).await;
    let busy = server("HTTP/1.1 503 Service Unavailable", Vec::new()).await;
    let large = server("HTTP/1.1 200 OK", vec![0; 200_000]).await;
    let ports = format!(
        "--egress-ports=80,443,{},{},{},{},{},{},{}",
        text.port(),
        gone.port(),
        moved.port(),
        inside.port(),
        endless.port(),
        busy.port(),
        large.port()
    );
    let world = World::with(&["--fetch-urls", "--egress-allow=127.0.0.1/32", "--fetch-max-bytes=100000", &ports]).await;
    for (url, code) in [
        (format!("http://{text}/"), "unsupported_image"),
        (format!("http://{gone}/"), "image_not_found"),
        (format!("http://{moved}/"), "image_not_found"),
        (format!("http://{inside}/"), "url_not_allowed"),
        (format!("http://{endless}/"), "image_not_found"),
        (format!("http://{busy}/"), "image_unreachable"),
        (format!("http://{large}/"), "body_too_large"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "url_not_allowed"),
        ("http://10.0.0.1/".to_owned(), "url_not_allowed"),
        ("http://[::ffff:127.0.0.1]/".to_owned(), "url_not_allowed"),
        ("file:///etc/passwd".to_owned(), "url_not_allowed"),
        ("http://127.0.0.1:22/".to_owned(), "url_not_allowed"),
    ] {
        let refused = problem(send(&world, &url).await).await;
        assert_eq!(refused["code"], code, "{url}: {refused}");
        assert_eq!(refused["retryable"], code == "image_unreachable", "{url}: {refused}");
    }
    assert_eq!(world.stored(), 0);
    let both = json!({ "image": "AAAA", "image_url": format!("http://{text}/") });
    assert!(world.post().json(&both).send().await.unwrap().status().is_client_error());
}

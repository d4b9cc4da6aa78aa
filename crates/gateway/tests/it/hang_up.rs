//! Clients that close their connection during a submission.

use crate::agents::add;
use crate::pictures::{disc, encode};
use crate::world::{GENERATE, World};
use access::{Mode, Overrides};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Class;
use image::ImageFormat;
use serde_json::{Value, json};
use std::time::Duration;
use test_support::{away_from_midnight, wait_until};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A gateway and a key with a quota.
struct Client {
    world: World,
    key: String,
}

impl Client {
    async fn new(arguments: &[&str]) -> Self {
        away_from_midnight().await;
        let world = World::with(arguments).await;
        let overrides = Overrides { jobs_per_day: Some(1000), ..Overrides::default() };
        let (_, key, _) = add(&world, "cyd", Class::User, Mode::Live, overrides).await;
        Self { world, key }
    }

    /// Sends the head of a request and the first `sent` bytes of its body, and closes the connection after `wait`.
    async fn hang_up(&self, n: u32, sent: impl FnOnce(usize) -> usize, wait: Duration) {
        let body = body(n);
        let head = format!(
            "POST {GENERATE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nIdempotency-Key: {n}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.key,
            body.len()
        );
        let mut stream = TcpStream::connect(self.world.server.address()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body.as_bytes()[..sent(body.len())]).await.unwrap();
        tokio::time::sleep(wait).await;
    }

    /// The jobs that were charged today, and those in the queue.
    async fn charged_and_queued(&self) -> (u64, u64) {
        let limits = self.world.client.get(self.world.url("/api/v1/limits")).bearer_auth(&self.key);
        let limits: Value = limits.send().await.unwrap().json().await.unwrap();
        let queued = self.world.queue().await.depth().await.unwrap().queued;
        (limits["jobs_per_day"]["used"].as_u64().unwrap(), queued)
    }

    async fn send_again(&self, n: u32) {
        let request = self.world.client.post(self.world.url(GENERATE)).bearer_auth(&self.key);
        let request = request.header("idempotency-key", n).header("content-type", "application/json").body(body(n));
        assert_eq!(request.send().await.unwrap().status(), 202);
    }
}

/// A request of its own for each number.
fn body(n: u32) -> String {
    json!({ "image": STANDARD.encode(encode(disc(300 + n), ImageFormat::Png)) }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_breaks_off_is_not_charged_and_releases_its_memory() {
    // Room for one body at a time.
    let client = Client::new(&["--request-memory-mib=16", "--max-body-bytes=4000000"]).await;
    for n in 0..10 {
        client.hang_up(n, |length| length / 2, Duration::from_millis(20)).await;
    }
    client.send_again(0).await;
    assert_eq!(client.charged_and_queued().await, (1, 1));
    assert_eq!(client.world.stored(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_request_is_charged_exactly_if_its_job_is_queued() {
    const REQUESTS: u32 = 30;
    let client = Client::new(&[]).await;
    for n in 0..REQUESTS {
        client.hang_up(n, |length| length, Duration::from_millis(u64::from(n))).await;
    }
    let mut before = (u64::MAX, u64::MAX);
    wait_until("the submissions to end", Duration::from_secs(30), async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let last = std::mem::replace(&mut before, client.charged_and_queued().await);
        last == before && before.0 == before.1
    })
    .await;
    // The same requests, sent again, make the missing jobs and charge for these only.
    for n in 0..REQUESTS {
        client.send_again(n).await;
    }
    assert_eq!(client.charged_and_queued().await, (REQUESTS.into(), REQUESTS.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_the_queue_refuses_is_refunded_without_its_client() {
    let client = Client::new(&["--queue-max-depth=3"]).await;
    for n in 0..10 {
        client.hang_up(n, |length| length, Duration::from_millis(100)).await;
    }
    for n in 10..13 {
        client.hang_up(n, |length| length, Duration::from_secs(1)).await;
    }
    wait_until("the refunds", Duration::from_secs(30), async || client.charged_and_queued().await == (3, 3)).await;
}

//! Bodies are bounded and timed, and strangers' are not read where that can be helped.

use crate::world::{Proof, World, problem, sign};
use reqwest::Method;
use secrecy::ExposeSecret;
use signatures::Scheme;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_bounded_announced_or_not() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let large = vec![7; (6 << 20) + 1];
    let announced = world.signed(Scheme::Agent, &ada, Method::POST, "/api/agent/echo", &large).await;
    assert_eq!(problem(announced).await.1, "body_too_large");
    // Without a length: chunk by chunk.
    let mut request =
        sign(world.bare(Method::POST, "/api/agent/echo", &large), Scheme::Agent, &Proof::of(&ada, Scheme::Agent));
    let pieces = large.chunks(1 << 16).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect::<Vec<_>>();
    *request.body_mut() = Some(reqwest::Body::wrap_stream(futures_util::stream::iter(pieces)));
    let (status, code, _) = problem(world.send(request).await).await;
    assert_eq!((status, code.as_str()), (413, "body_too_large"));
}

/// Sends a head that announces a body, and no body; returns the answer and how long it took.
async fn head_only(world: &World, head: &str) -> (String, Duration) {
    let address = world.base.trim_start_matches("http://");
    let mut line = TcpStream::connect(address).await.unwrap();
    let text = format!("POST {head}host: {address}\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n");
    let start = Instant::now();
    line.write_all(text.as_bytes()).await.unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).await.unwrap();
    (answer, start.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_given_up_and_a_strangers_is_not_waited_for() {
    let world = World::new().await;
    let eve = world.user("eve").await;
    let bearer = |key: &str| format!("/api/v1/echo HTTP/1.1\r\nauthorization: Bearer {key}\r\n");
    let (answer, took) = head_only(&world, &bearer(eve.api_key.expose_secret())).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
    assert!(took >= Duration::from_millis(1400), "{took:?}");
    // The machine may be busy elsewhere, hardly five times.
    let mut soonest = Duration::MAX;
    for _ in 0..5 {
        let (answer, took) = head_only(&world, &bearer("orf_live_nobody")).await;
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("unknown_key"), "{answer}");
        soonest = soonest.min(took);
    }
    assert!(soonest < Duration::from_millis(1200), "{soonest:?}");
}

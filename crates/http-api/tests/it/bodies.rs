//! Bodies are bounded in size and time, and not read before a bearer key is verified.

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

/// Sends a head that announces a body, and no body; returns the response and how long it took.
async fn head_only(world: &World, head: &str) -> (String, Duration) {
    let address = world.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!("POST {head}host: {address}\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n");
    let start = Instant::now();
    stream.write_all(text.as_bytes()).await.unwrap();
    (read_response(&mut stream).await, start.elapsed())
}

/// Reads one response that has a content length; the connection may stay open.
pub(crate) async fn read_response(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        let mut piece = [0; 4096];
        let read = stream.read(&mut piece).await.unwrap();
        assert!(read > 0, "the connection ended after {text}");
        answer.extend_from_slice(&piece[..read]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_times_out_and_an_unknown_key_is_refused_before_its_body() {
    let world = World::new().await;
    let eve = world.user("eve").await;
    let bearer = |key: &str| format!("/api/v1/echo HTTP/1.1\r\nauthorization: Bearer {key}\r\n");
    let (answer, took) = head_only(&world, &bearer(eve.api_key.expose_secret())).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
    assert!(took >= Duration::from_millis(1400), "{took:?}");
    // The body never arrives, so a server that waits for it would answer 408.
    let (answer, _) = head_only(&world, &bearer("orf_live_nobody")).await;
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("unknown_key"), "{answer}");
}

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
async fn a_silent_body_times_out_and_an_unknown_key_is_refused_before_its_body() {
    let world = World::new().await;
    let eve = world.user("eve").await;
    let bearer = |key: &str| format!("/api/v1/echo HTTP/1.1\r\nauthorization: Bearer {key}\r\n");
    let (answer, took) = head_only(&world, &bearer(eve.api_key.expose_secret())).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("body_timeout"), "{answer}");
    assert!((2..4).contains(&took.as_secs()), "the least rate is looked at after two seconds: {took:?}");
    // The body never arrives, so a server that waits for it would answer 408.
    let (answer, _) = head_only(&world, &bearer("orf_live_unknown")).await;
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("unknown_key"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_below_the_least_rate_is_given_up_and_a_steady_one_is_read() {
    let world = World::new().await;
    let eve = world.user("eve").await;
    for (per_second, status) in [(2_000, "408"), (60_000, "200")] {
        let address = world.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.unwrap();
        let head = format!(
            "POST /api/v1/echo HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-length: 150000\r\n\r\n",
            eve.api_key.expose_secret()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let (start, mut sent) = (tokio::time::Instant::now(), 0);
        while sent < 150_000 && stream.write_all(&[b'x'; 500]).await.is_ok() {
            sent += 500;
            tokio::time::sleep_until(start + Duration::from_secs_f64(f64::from(sent) / f64::from(per_second))).await;
            if start.elapsed() > Duration::from_millis(3500) {
                break;
            }
        }
        let answer = read_response(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{per_second}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_that_covers_a_stated_digest_is_verified_before_the_body() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let head_of = |request: &reqwest::Request| {
        let headers = request.headers().iter().filter(|(name, _)| !matches!(name.as_str(), "host" | "content-length"));
        let lines = headers.map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()));
        format!("/api/agent/echo HTTP/1.1\r\n{}", lines.collect::<String>())
    };
    let body = [7; 1000];
    let wrong = Proof::new(ada.key_id.as_str(), b"wrong");
    let unknown = Proof::new("key_00000000000000000000", b"wrong");
    for proof in [wrong, unknown] {
        let request = sign(world.bare(Method::POST, "/api/agent/echo", &body), Scheme::Http, &proof);
        // The body never arrives, so a server that waits for it would answer 408.
        let (answer, _) = head_only(&world, &head_of(&request)).await;
        assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("invalid_signature"), "{answer}");
    }
    // A head that verifies is not enough: the body must match its digest.
    let mut request =
        sign(world.bare(Method::POST, "/api/agent/echo", &body), Scheme::Http, &Proof::of(&ada, Scheme::Http));
    *request.body_mut() = Some(vec![8; 1000].into());
    let (status, code, _) = problem(world.send(request).await).await;
    assert_eq!((status, code.as_str()), (401, "malformed_signature"));
}

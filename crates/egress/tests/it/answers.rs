//! Responses and time limits.

use crate::world::{MOST, Names, OUTSIDE, Server, TIME, egress};
use bytes::Bytes;
use egress::Refused;
use http::{HeaderMap, HeaderValue};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

async fn get(answer: &[u8]) -> Result<Bytes, Refused> {
    let server = Server::answering(OUTSIDE, answer).await;
    egress(&[server.port], Names::of(&[])).get(&server.url(), MOST, TIME).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successful_response_is_read_to_its_end() {
    assert_eq!(get(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").await.unwrap(), "abc");
    assert_eq!(
        get(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await.unwrap(),
        "abc"
    );
    assert_eq!(get(b"HTTP/1.0 200 OK\r\n\r\nabc").await.unwrap(), "abc", "until the end of the connection");
    let most = [b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; MOST][..]].concat();
    assert_eq!(get(&most).await.unwrap().len(), MOST);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_responses_are_refused() {
    let long = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "a".repeat(100_000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200));
    let more = [b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; MOST + 1][..]].concat();
    for (answer, reason) in [
        (&b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"[..], "status"),
        (b"HTTP/1.1 206 Partial\r\nContent-Length: 1\r\n\r\na", "status"),
        (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "status"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", "encoded"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\nabc", "too_large"),
        (&more, "too_large"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", "unreachable"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "unreachable"),
        (long.as_bytes(), "unreachable"),
        (many.as_bytes(), "unreachable"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "unreachable"),
        (b"", "unreachable"),
    ] {
        let refused = get(answer).await.unwrap_err();
        assert_eq!(
            refused.reason(),
            reason,
            "{}: {refused:?}",
            String::from_utf8_lossy(&answer[..answer.len().min(60)])
        );
    }
    let refused = egress(&[1], Names::of(&[])).get(&format!("http://{OUTSIDE}:1/"), MOST, TIME).await.unwrap_err();
    assert_eq!((refused.reason(), refused.is_retryable()), ("unreachable", true));
}

/// Sends a beginning, then one byte every 20 ms.
async fn trickle(mut stream: TcpStream, beginning: &'static [u8]) {
    let _ = stream.write_all(beginning).await;
    while stream.write_all(b"x").await.is_ok() {
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_responses_are_cut_off() {
    let beginnings: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
    ];
    for beginning in beginnings {
        let listener = TcpListener::bind((OUTSIDE, 0)).await.unwrap();
        let server = Server::start(listener, move |stream| trickle(stream, beginning));
        let egress = egress(&[server.port], Names::of(&[]));
        let (started, time) = (Instant::now(), Duration::from_millis(400));
        let refused = egress.get(&server.url(), MOST, time).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(15));
        // An invalid status line may be detected earlier.
        assert!(matches!(refused, Refused::TooSlow) || beginning.is_empty(), "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_returns_status_and_the_beginning_of_the_body() {
    let answer = b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 11\r\n\r\nhello world";
    let server = Server::answering(OUTSIDE, answer).await;
    let egress = egress(&[server.port], Names::of(&[]));
    let mut headers = HeaderMap::new();
    headers.insert("webhook-id", HeaderValue::from_static("msg_1"));
    headers.insert("host", HeaderValue::from_static("elsewhere.example"));
    let answer = egress.post(&server.url(), headers, Bytes::from_static(b"{}"), 5, TIME).await.unwrap();
    assert_eq!(
        (answer.status, answer.retry_after, &answer.body[..]),
        (503, Some(Duration::from_secs(120)), &b"hello"[..])
    );
    let head = server.last.lock().unwrap().to_lowercase();
    assert!(head.starts_with("post / ") && head.contains("webhook-id: msg_1") && !head.contains("elsewhere"), "{head}");
}

//! What holds for every route: HEAD, OPTIONS, CORS, spelling of paths, compression, and refusals of uploads.

use crate::bodies::read_response;
use crate::world::{World, problem};
use reqwest::{Method, Response};
use secrecy::ExposeSecret;
use signatures::Scheme;
use std::io::Read;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn ask(world: &World, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = world.client.request(method, format!("{}{path}", world.base));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_wherever_get_is() {
    let world = World::new().await;
    let key = world.user("eve").await.api_key;
    let bearer = format!("Bearer {}", key.expose_secret());
    for path in
        ["/livez", "/readyz", "/metrics", "/openapi.json", "/", "/docs/api/README.md", "/api/v1/who", "/nothing"]
    {
        let headers = [("authorization", bearer.as_str())];
        let get = ask(&world, Method::GET, path, &headers).await;
        let head = ask(&world, Method::HEAD, path, &headers).await;
        assert_eq!(head.status(), get.status(), "{path}");
        assert_eq!(head.headers().get("content-type"), get.headers().get("content-type"), "{path}");
        if !matches!(path, "/metrics" | "/nothing") {
            assert_eq!(head.headers().get("content-length"), get.headers().get("content-length"), "{path}");
        }
        assert!(head.bytes().await.unwrap().is_empty(), "{path}");
    }
    assert_eq!(ask(&world, Method::HEAD, "/api/v1/echo", &[]).await.status(), 405);
    // A signature covers the method that was sent.
    let ada = world.agent("ada").await;
    for scheme in [Scheme::Agent, Scheme::Http] {
        let answer = world.signed(scheme, &ada, Method::HEAD, "/api/agent/who", b"").await;
        assert_eq!(answer.status(), 200, "{scheme:?}");
    }
    let metrics = ask(&world, Method::GET, "/metrics", &[]).await.text().await.unwrap();
    let counted = "orfeas_http_requests_total{method=\"HEAD\",route=\"/api/v1/who\",status=\"200\"}";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn options_lists_the_methods_without_a_key() {
    let world = World::new().await;
    for (path, allow) in [
        ("/api/v1/who", "GET, HEAD, OPTIONS"),
        ("/api/agent/echo", "POST, OPTIONS"),
        ("/livez", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
    ] {
        for origin in [&[][..], &[("origin", "https://a.example"), ("access-control-request-method", "GET")]] {
            let answer = ask(&world, Method::OPTIONS, path, origin).await;
            assert_eq!(
                (answer.status().as_u16(), &answer.headers()["allow"]),
                (204, &allow.parse().unwrap()),
                "{path}"
            );
            assert!(
                !answer.headers().contains_key("access-control-allow-origin"),
                "CORS is off unless it is asked for"
            );
        }
    }
    assert_eq!(problem(ask(&world, Method::OPTIONS, "/nothing", &[]).await).await.1, "route_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_listed_origins_may_call_and_of_others_may_not() {
    let world =
        World::with_server(|options| options.cors_origin = vec!["https://studio.example".parse().unwrap()]).await;
    let preflight = |origin| {
        [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type,idempotency-key"),
        ]
    };
    let allowed = ask(&world, Method::OPTIONS, "/api/v1/echo", &preflight("https://studio.example")).await;
    assert_eq!(allowed.status(), 200);
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://studio.example");
    assert!(allowed.headers()["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    let denied = ask(&world, Method::OPTIONS, "/api/v1/echo", &preflight("https://evil.example")).await;
    assert!(!denied.headers().contains_key("access-control-allow-origin"));
    let (status, code, whole) = problem(denied).await;
    assert_eq!((status, code.as_str()), (400, "bad_request"));
    assert!(whole.contains("preflight") && !whole.contains("evil"), "{whole}");

    // Every response carries the headers, problems included, or the page could not read them.
    for (path, status) in [("/livez", 200), ("/api/v1/who", 401), ("/nothing", 404)] {
        let answer = ask(&world, Method::GET, path, &[("origin", "https://studio.example")]).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "https://studio.example", "{path}");
        assert!(answer.headers()["access-control-expose-headers"].to_str().unwrap().contains("retry-after"), "{path}");
        let other = ask(&world, Method::GET, path, &[("origin", "https://evil.example")]).await;
        assert_eq!(other.status(), status, "{path}");
        assert!(!other.headers().contains_key("access-control-allow-origin"), "{path}");
    }
    // Without an origin, OPTIONS is answered with the methods.
    assert_eq!(ask(&world, Method::OPTIONS, "/api/v1/who", &[]).await.headers()["allow"], "GET, HEAD, OPTIONS");
}

#[tokio::test(flavor = "multi_thread")]
async fn redundant_slashes_are_ignored() {
    let world = World::new().await;
    let key = world.user("eve").await.api_key;
    for path in ["/api/v1/who/", "//api/v1/who", "/api//v1/who", "/api/v1/who//", "/api/v1/who/?a=b"] {
        assert_eq!(world.bearer(path, key.expose_secret()).await.status(), 200, "{path}");
    }
    for path in ["/livez/", "//readyz", "/openapi.json/"] {
        assert_eq!(ask(&world, Method::GET, path, &[]).await.status(), 200, "{path}");
    }
    // A signature covers the path that was sent.
    let ada = world.agent("ada").await;
    for scheme in [Scheme::Agent, Scheme::Http] {
        let answer = world.signed(scheme, &ada, Method::GET, "/api/agent//who/?a=b%20c", b"").await;
        assert_eq!(answer.status(), 200, "{scheme:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn text_is_compressed_for_clients_that_accept_it() {
    let world = World::new().await;
    let plain = ask(&world, Method::GET, "/openapi.json", &[]).await;
    assert!(!plain.headers().contains_key("content-encoding"));
    assert_eq!(plain.headers()["vary"], "accept-encoding");
    let plain = plain.bytes().await.unwrap();
    for (accept, compressed) in [
        ("gzip", true),
        ("gzip, deflate, br, zstd", true),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", true),
        ("identity", false),
        ("br", false),
        ("gzip;q=0", false),
        ("", false),
    ] {
        let answer = ask(&world, Method::GET, "/openapi.json", &[("accept-encoding", accept)]).await;
        assert_eq!(
            answer.headers().get("content-encoding").is_some_and(|value| value == "gzip"),
            compressed,
            "{accept}"
        );
        let mut bytes = answer.bytes().await.unwrap().to_vec();
        if compressed {
            assert!(bytes.len() < plain.len() / 2, "{accept}");
            let mut whole = Vec::new();
            flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut whole).unwrap();
            bytes = whole;
        }
        assert!(bytes == plain, "{accept}");
    }
}

/// Sends a request as a plain socket client does: all of it first, at a fixed rate, and only then reads.
async fn send_then_read(world: &World, head: &str, bytes: usize, per_second: usize) -> String {
    let address = world.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!("{head}host: {address}\r\ncontent-length: {bytes}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let (start, chunk) = (Instant::now(), vec![b'x'; 1 << 14]);
    let mut sent = 0;
    while sent < bytes {
        let piece = &chunk[..chunk.len().min(bytes - sent)];
        stream.write_all(piece).await.unwrap_or_else(|error| panic!("broken after {sent} bytes: {error}"));
        sent += piece.len();
        let due = start + Duration::from_secs_f64(sent as f64 / per_second as f64);
        tokio::time::sleep_until(due.into()).await;
    }
    read_response(&mut stream).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_first_can_read_an_early_refusal() {
    let world = World::new().await;
    let key = world.user("eve").await.api_key;
    let key = key.expose_secret();
    let cases = [
        ("POST /api/v1/echo HTTP/1.1\r\nauthorization: Bearer wrong\r\n".to_owned(), "401"),
        ("POST /api/v1/nothing HTTP/1.1\r\n".to_owned(), "404"),
        ("PUT /api/v1/echo HTTP/1.1\r\n".to_owned(), "405"),
        (format!("POST /api/v1/echo HTTP/1.1\r\nauthorization: Bearer {key}\r\n"), "413"),
    ];
    for (head, status) in &cases {
        let answer = send_then_read(&world, head, 21_000_000, 16_000_000).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {answer}");
    }
    for (head, status) in &cases[..3] {
        let answer = send_then_read(&world, head, 400_000, 200_000).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{head}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_is_read_within_bounds_only() {
    let world = World::new().await;
    let address = world.base.trim_start_matches("http://").to_owned();
    let start =
        |bytes: u64| format!("POST /api/v1/nothing HTTP/1.1\r\nhost: {address}\r\ncontent-length: {bytes}\r\n\r\n");
    // Silent after the head: the response is sent at once, and the connection is closed soon.
    let mut silent = TcpStream::connect(&address).await.unwrap();
    let begun = Instant::now();
    silent.write_all(start(1000).as_bytes()).await.unwrap();
    read_response(&mut silent).await;
    assert_eq!(silent.read(&mut [0; 16]).await.unwrap(), 0);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    // Slower than the least rate, and endless: both are cut off.
    for (piece, pause) in [(100, Duration::from_millis(50)), (1 << 20, Duration::ZERO)] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        stream.write_all(start(1 << 40).as_bytes()).await.unwrap();
        let cut_off = async {
            while stream.write_all(&vec![b'x'; piece]).await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(50), cut_off).await.expect("the server ends it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_long_value_of_a_client_is_echoed_whole() {
    let world = World::new().await;
    let long = "v".repeat(50_000);
    let cases = [
        (format!("/{long}"), vec![]),
        (format!("/docs/{long}.md"), vec![]),
        (format!("/api/v1/who?access_token={long}"), vec![]),
        ("/api/v1/who".to_owned(), vec![("authorization", format!("Bearer {long}"))]),
        ("/api/v1/who".to_owned(), vec![("authorization", format!("{long} x"))]),
        ("/api/v1/who".to_owned(), vec![("authorization", format!("Basic {long}"))]),
        ("/api/v1/who".to_owned(), vec![("x-api-key", long.clone())]),
        ("/api/v1/who".to_owned(), vec![("x-request-id", long.clone())]),
        ("/api/agent/who".to_owned(), vec![("x-agent-api-key", long.clone())]),
        ("/api/agent/who".to_owned(), vec![("signature-input", long.clone()), ("signature", long.clone())]),
        (
            "/api/agent/who".to_owned(),
            vec![("signature-input", format!("s=(\"{long}\");keyid=\"{long}\"")), ("signature", "s=:AA==:".to_owned())],
        ),
    ];
    for (path, headers) in cases {
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = ask(&world, Method::GET, &path, &headers).await;
        assert!(answer.status().is_client_error(), "{}", answer.status());
        assert!(answer.headers().values().all(|value| value.len() < 1000));
        let body = answer.text().await.unwrap();
        assert!(body.len() < 3000, "{:.100} {headers:.100?}: {} bytes", path, body.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_wrong_place_gets_an_error_that_names_the_right_one() {
    let world = World::new().await;
    let key = world.user("eve").await.api_key;
    let key = key.expose_secret();
    let cases = [
        (format!("/api/v1/who?access_token={key}"), vec![], "missing_key", "in the URL"),
        (format!("/api/v1/who?a=b&Key={key}"), vec![], "missing_key", "in the URL"),
        ("/api/v1/who".to_owned(), vec![("x-api-key", key)], "missing_key", "x-api-key"),
        ("/api/v1/who".to_owned(), vec![("cookie", key)], "missing_key", "Cookies"),
        ("/api/v1/who".to_owned(), vec![("authorization", "Basic eDp5")], "invalid_authorization", "Basic"),
        ("/api/v1/who".to_owned(), vec![("authorization", key)], "invalid_authorization", "`Bearer`"),
        ("/api/v1/who".to_owned(), vec![("authorization", "Bearer")], "invalid_authorization", "one token"),
        ("/api/agent/who".to_owned(), vec![("x-api-key", key)], "missing_signature", "x-api-key"),
    ];
    for (path, headers, code, says) in cases {
        let (status, found, whole) = problem(ask(&world, Method::GET, &path, &headers).await).await;
        assert_eq!((status, found.as_str()), (401, code), "{path} {headers:?}");
        assert!(whole.contains(says) && !whole.contains(key), "{whole}");
    }
    // Any white space may separate scheme and token.
    for value in [format!("bearer  {key} "), format!("BEARER\t{key}")] {
        assert_eq!(
            ask(&world, Method::GET, "/api/v1/who", &[("authorization", &value)]).await.status(),
            200,
            "{value:?}"
        );
    }
}

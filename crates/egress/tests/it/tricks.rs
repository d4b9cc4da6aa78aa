//! URLs that lead to internal addresses in disguise.

use crate::world::{INSIDE, MOST, Names, OUTSIDE, Server, TIME, egress};
use egress::{Egress, EgressOptions, Refused};
use std::sync::atomic::Ordering;
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread")]
async fn no_disguised_url_reaches_an_internal_address() {
    let inside = Server::answering(INSIDE, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret").await;
    let port = inside.port;
    let names = Names::of(&[
        ("localhost", &[&["127.0.0.1", "::1"]]),
        ("rebound.example", &[&["10.0.0.7"]]),
        ("metadata.google.internal", &[&["169.254.169.254"]]),
        ("127.0.0.1.nip.example", &[&["127.0.0.1"]]),
        ("mixed.example", &[&["127.0.0.2", "127.0.0.1"]]),
        ("mapped.example", &[&["::ffff:127.0.0.1"]]),
        ("translated.example", &[&["64:ff9b::7f00:1"]]),
        ("nowhere.example", &[&[]]),
        ("xn--lcalhost-n4a.example", &[&["127.0.0.1"]]),
    ]);
    let egress = egress(&[80, 443, port], names);
    let tricks = [
        ("loopback", format!("http://127.0.0.1:{port}/")),
        ("all of loopback", format!("http://127.1.2.3:{port}/")),
        ("this host", format!("http://0.0.0.0:{port}/")),
        ("this host, short", format!("http://0:{port}/")),
        ("short", format!("http://127.1:{port}/")),
        ("decimal", format!("http://2130706433:{port}/")),
        ("hexadecimal", format!("http://0x7f000001:{port}/")),
        ("hexadecimal, by parts", format!("http://0x7f.0x0.0x0.0x1:{port}/")),
        ("octal", format!("http://0177.0.0.01:{port}/")),
        ("octal and decimal", format!("http://017700000001:{port}/")),
        ("a dot at the end", format!("http://127.0.0.1.:{port}/")),
        ("full width", format!("http://１２７.０.０.１:{port}/")),
        ("circled", format!("http://①②⑦.⓪.⓪.①:{port}/")),
        ("percent", format!("http://%31%32%37.0.0.1:{port}/")),
        ("ideographic dots", format!("http://127。0。0。1:{port}/")),
        ("IPv6 loopback", format!("http://[::1]:{port}/")),
        ("IPv6 unspecified", format!("http://[::]:{port}/")),
        ("mapped", format!("http://[::ffff:127.0.0.1]:{port}/")),
        ("mapped, hexadecimal", format!("http://[::ffff:7f00:1]:{port}/")),
        ("compatible", format!("http://[::127.0.0.1]:{port}/")),
        ("NAT64", format!("http://[64:ff9b::7f00:1]:{port}/")),
        ("6to4", format!("http://[2002:7f00:1::]:{port}/")),
        ("Teredo", format!("http://[2001:0:7f00:1::80ff:fffe]:{port}/")),
        ("link-local", format!("http://[fe80::1]:{port}/")),
        ("a zone", format!("http://[fe80::1%25lo]:{port}/")),
        ("unique local", format!("http://[fd00:ec2::254]:{port}/")),
        ("multicast", "http://224.0.0.1/".to_owned()),
        ("broadcast", "http://255.255.255.255/".to_owned()),
        ("private", "http://192.168.0.1/".to_owned()),
        ("carrier-grade NAT", "http://100.100.100.200/latest/meta-data".to_owned()),
        ("metadata", "http://169.254.169.254/latest/meta-data".to_owned()),
        ("metadata, decimal", "http://2852039166/latest/meta-data".to_owned()),
        ("metadata by name", "http://metadata.google.internal/computeMetadata/v1/".to_owned()),
        ("a name for loopback", format!("http://localhost:{port}/")),
        ("its dot", format!("http://localhost.:{port}/")),
        ("in capitals", format!("http://LocalHost:{port}/")),
        ("a name that leads inside", "https://rebound.example/".to_owned()),
        ("an address in a name", format!("http://127.0.0.1.nip.example:{port}/")),
        ("one address of two", format!("http://mixed.example:{port}/")),
        ("mapped behind a name", format!("http://mapped.example:{port}/")),
        ("NAT64 behind a name", format!("http://translated.example:{port}/")),
        ("punycode", format!("http://xn--lcalhost-n4a.example:{port}/")),
        ("a user name", format!("http://user@{OUTSIDE}:{port}/")),
        ("a password", format!("http://user:password@{OUTSIDE}:{port}/")),
        ("an empty user name", format!("http://@{OUTSIDE}:{port}/")),
        ("a host as user name", format!("http://{OUTSIDE}:{port}@127.0.0.1:{port}/")),
        ("a backslash", format!("http://{OUTSIDE}:{port}\\@127.0.0.1:{port}/")),
        ("a line break", format!("http://127.0.\n0.1:{port}/")),
        ("a tab", format!("http://127.0.0.1\t:{port}/")),
        ("no slashes", format!("http:127.0.0.1:{port}/")),
        ("three slashes", format!("http:///127.0.0.1:{port}/")),
        ("another port", format!("http://{OUTSIDE}:22/")),
        ("port 0", format!("http://{OUTSIDE}:0/")),
        ("a file", "file:///etc/passwd".to_owned()),
        ("gopher", format!("gopher://127.0.0.1:{port}/_PING")),
        ("ftp", "ftp://example.com/".to_owned()),
        ("data", "data:image/png;base64,AAAA".to_owned()),
        ("javascript", "javascript:alert(1)".to_owned()),
        ("no scheme", format!("//127.0.0.1:{port}/")),
        ("no host", "http://".to_owned()),
        ("only a dot", "http://./".to_owned()),
        ("an empty label", "http://a..example/".to_owned()),
        ("nothing", String::new()),
        ("too long", format!("http://{OUTSIDE}:{port}/{}", "a".repeat(3000))),
        ("no such name", "http://no-such-name.example/".to_owned()),
        ("no address", "http://nowhere.example/".to_owned()),
    ];
    assert!(tricks.len() >= 30);
    for (name, url) in &tricks {
        let refused = egress.get(url, MOST, TIME).await.unwrap_err();
        assert!(
            matches!(refused, Refused::Url(_) | Refused::Inside | Refused::Unknown(_)),
            "{name}: {url} was called: {refused:?}"
        );
        let text = refused.to_string();
        assert!(!text.contains("127.") && !text.contains("169."), "{name}: {text}");
    }
    assert_eq!(inside.visits.load(Ordering::SeqCst), 0, "an internal server was reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn dns_rebinding_has_no_effect() {
    // The same port inside and outside, as a rebinding attack needs it.
    let (outside, inside) = loop {
        let outside = Server::answering(OUTSIDE, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npublic").await;
        // Another process may use the port there.
        if let Ok(listener) = TcpListener::bind((INSIDE, outside.port)).await {
            break (outside, Server::answering_on(listener, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret"));
        }
    };
    let names = Names::of(&[("rebound.example", &[&["127.0.0.2"], &["127.0.0.1"]])]);
    let egress = egress(&[outside.port], names.clone());
    let url = format!("http://rebound.example:{}/", outside.port);
    assert_eq!(egress.get(&url, MOST, TIME).await.unwrap(), "public");
    assert_eq!(names.asked.load(Ordering::SeqCst), 1);
    assert!(matches!(egress.get(&url, MOST, TIME).await, Err(Refused::Inside)));
    assert_eq!((outside.visits.load(Ordering::SeqCst), inside.visits.load(Ordering::SeqCst)), (1, 0));
    // The server learns the name and nothing about the caller.
    let head = outside.last.lock().unwrap().to_lowercase();
    assert!(
        head.starts_with("get / http/1.1\r\n") && head.contains(&format!("host: rebound.example:{}", outside.port)),
        "{head}"
    );
    assert!(!head.contains("cookie") && !head.contains("authorization") && !head.contains("referer"), "{head}");
}

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Go\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_an_internal_address_is_refused() {
    let inside = Server::answering(INSIDE, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret").await;
    let port = inside.port;
    let names = Names::of(&[("rebound.example", &[&["127.0.0.1"]]), ("outside.example", &[&["127.0.0.2"]])]);
    for status in [301, 302, 303, 307, 308] {
        for location in [
            format!("http://127.0.0.1:{port}/"),
            format!("http://0x7f.1:{port}/"),
            format!("http://[::ffff:127.0.0.1]:{port}/"),
            format!("http://rebound.example:{port}/"),
            format!("//127.0.0.1:{port}/"),
            format!("http://user@127.0.0.2:{port}/"),
            "http://127.0.0.2:22/".to_owned(),
            "file:///etc/passwd".to_owned(),
            "http://a b/".to_owned(),
        ] {
            let outside = Server::answering(OUTSIDE, redirect(status, &location).as_bytes()).await;
            let egress = egress(&[outside.port, port], names.clone());
            let refused = egress.get(&outside.url(), MOST, TIME).await.unwrap_err();
            assert!(matches!(refused, Refused::Inside | Refused::Url(_)), "{status} {location}: {refused:?}");
        }
    }
    assert_eq!(inside.visits.load(Ordering::SeqCst), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_few_redirects_to_public_addresses_are_followed() {
    let file = Server::answering(OUTSIDE, b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").await;
    let second = Server::answering(OUTSIDE, redirect(302, &file.url()).as_bytes()).await;
    let first = Server::answering(OUTSIDE, redirect(301, &format!("//127.0.0.2:{}/x", second.port)).as_bytes()).await;
    let names = Names::of(&[]);
    let chain = egress(&[file.port, second.port, first.port], names.clone());
    assert_eq!(chain.get(&first.url(), MOST, TIME).await.unwrap(), "abc");
    assert!(second.last.lock().unwrap().starts_with("GET /x "));

    // Relative, to itself: one request and three redirects.
    let circle = Server::answering(OUTSIDE, redirect(307, "/again").as_bytes()).await;
    let refused = egress(&[circle.port], names.clone()).get(&circle.url(), MOST, TIME).await.unwrap_err();
    assert!(matches!(refused, Refused::Redirects(3)) && !refused.is_retryable(), "{refused:?}");
    assert_eq!(circle.visits.load(Ordering::SeqCst), 4);

    // Without a target, and for a POST, the status is the result.
    let lost = Server::answering(OUTSIDE, b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n").await;
    let refused = egress(&[lost.port], names.clone()).get(&lost.url(), MOST, TIME).await.unwrap_err();
    assert!(matches!(refused, Refused::Status(302)), "{refused:?}");
    let posted = egress(&[first.port, second.port], names);
    let answer = posted.post(&first.url(), Default::default(), Default::default(), 0, TIME).await.unwrap();
    assert_eq!(answer.status, 301);
}

#[tokio::test(flavor = "multi_thread")]
async fn loopback_is_refused_by_default() {
    let server = Server::answering(INSIDE, b"HTTP/1.1 200 OK\r\n\r\n").await;
    let options = EgressOptions { egress_ports: vec![server.port], ..EgressOptions::default() };
    // By the system's own resolver, too.
    let egress = Egress::new(&options).unwrap();
    for host in ["127.0.0.1", "localhost", "[::1]"] {
        let refused = egress.get(&format!("http://{host}:{}/", server.port), MOST, TIME).await.unwrap_err();
        assert!(matches!(refused, Refused::Inside), "{host}: {refused:?}");
    }
    assert_eq!(server.visits.load(Ordering::SeqCst), 0);
}

//! nginx finds a service again that has moved to another address.

use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use system_tests::nginx;
use test_support::free_port;

/// An HTTP server that answers every request with `body`.
fn serve(address: (Ipv4Addr, u16), body: &'static str) {
    use std::io::{Read, Write};
    let listener = TcpListener::bind(address).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        }
    });
}

/// A DNS server that answers every question with the address of the moment, valid for one second.
fn name_server(address: Arc<Mutex<Ipv4Addr>>) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, caller)) = socket.recv_from(&mut buffer) {
            // The header with one answer, the question as it came, and a pointer to its name (RFC 1035, section 4).
            let mut answer = buffer[..length].to_vec();
            answer[2..8].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1]);
            answer[8..12].fill(0);
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4]);
            answer.extend(address.lock().unwrap().octets());
            let _ = socket.send_to(&answer, caller);
        }
    });
    port
}

#[tokio::test]
async fn a_recreated_container_is_found_under_its_new_address() {
    let (before, after) = (Ipv4Addr::new(127, 0, 0, 1), Ipv4Addr::new(127, 0, 0, 2));
    let port = free_port();
    serve((before, port), "before");
    serve((after, port), "after");
    let address = Arc::new(Mutex::new(before));
    let dns = name_server(Arc::clone(&address));
    let folder = tempfile::tempdir().unwrap();
    let (_nginx, nginx) = nginx::start_with(
        folder.path(),
        &[
            ("resolver 127.0.0.11 valid=5s", format!("resolver 127.0.0.1:{dns} valid=1s")),
            ("default gateway:8080;", format!("default gateway:{port};")),
        ],
    );
    let get = async || -> Option<String> {
        let answer = reqwest::get(format!("http://127.0.0.1:{nginx}/api/v1/limits")).await.ok()?;
        answer.text().await.ok()
    };
    let becomes = async |expected: &str| {
        for _ in 0..100 {
            if get().await.as_deref() == Some(expected) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    };
    assert!(becomes("before").await);
    *address.lock().unwrap() = after;
    assert!(becomes("after").await, "nginx keeps the address that it resolved first");
}

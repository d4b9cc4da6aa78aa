//! Addresses, proxies and TLS: a recording server in the place of the gateway, and one in the place of a proxy.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

const KEY: &str = "orf_live_secret";
const MESH: &[u8] = b"glTF and the rest";

/// A server whose jobs have succeeded at once, on a port of its own. It keeps all bytes that it receives.
struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    fn start(serve: impl Fn(TcpStream, &Mutex<Vec<u8>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (theirs, serve) = (Arc::clone(&seen), Arc::new(serve));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, serve) = (Arc::clone(&theirs), Arc::clone(&serve));
                std::thread::spawn(move || serve(stream, &seen));
            }
        });
        Self { address, seen }
    }

    fn plain() -> Self {
        Self::start(|stream, seen| answer(stream.try_clone().unwrap(), stream, seen))
    }

    fn tls() -> Self {
        let config = tls_config();
        Self::start(move |mut stream, seen| {
            let mut tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut session = rustls::Stream::new(&mut tls, &mut stream);
            let mut request = Vec::new();
            if read_request(&mut BufReader::new(&mut session), &mut request).is_some() {
                let reply = reply(&request);
                seen.lock().unwrap().extend(&request);
                let _ = session.write_all(&reply).and_then(|()| session.flush());
                session.conn.send_close_notify();
                let _ = session.flush();
            }
        })
    }

    /// A proxy that carries every tunnel to `target`.
    fn proxy(target: SocketAddr) -> Self {
        Self::start(move |stream, seen| {
            let mut head = Vec::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !head.ends_with(b"\r\n\r\n") {
                if reader.read_until(b'\n', &mut head).unwrap_or(0) == 0 {
                    return;
                }
            }
            seen.lock().unwrap().extend(&head);
            let mut stream = stream;
            if !head.starts_with(b"CONNECT ") {
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                return;
            }
            stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            let mut up = TcpStream::connect(target).unwrap();
            let (mut down, mut answers) = (stream, up.try_clone().unwrap());
            let mut back = down.try_clone().unwrap();
            let carry = std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = down.read(&mut piece) {
                seen.lock().unwrap().extend(&piece[..length]);
                up.write_all(&piece[..length]).unwrap();
            }
            let _ = up.shutdown(std::net::Shutdown::Write);
            let _ = carry.join();
        })
    }

    fn seen(&self) -> String {
        String::from_utf8_lossy(&self.seen.lock().unwrap()).into_owned()
    }
}

fn tls_config() -> Arc<rustls::ServerConfig> {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
    let chain = vec![CertificateDer::from_pem_file(fixture("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(fixture("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap())
}

fn fixture(name: &str) -> String {
    format!("{}/tests/fixtures/tls/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Reads a request with its body into `request`.
fn read_request(reader: &mut impl BufRead, request: &mut Vec<u8>) -> Option<()> {
    while !request.ends_with(b"\r\n\r\n") {
        if reader.read_until(b'\n', request).ok()? == 0 {
            return None;
        }
    }
    let head = String::from_utf8_lossy(request).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    if let Some(length) = length {
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        request.extend(body);
    } else if head.contains("transfer-encoding: chunked") {
        while !request.ends_with(b"\r\n0\r\n\r\n") {
            if reader.read_until(b'\n', request).ok()? == 0 {
                return None;
            }
        }
    }
    Some(())
}

fn answer(read: TcpStream, mut write: TcpStream, seen: &Mutex<Vec<u8>>) {
    let mut request = Vec::new();
    if read_request(&mut BufReader::new(read), &mut request).is_some() {
        let reply = reply(&request);
        seen.lock().unwrap().extend(&request);
        let _ = write.write_all(&reply);
    }
}

fn reply(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let path = text.split(' ').nth(1).unwrap().to_owned();
    let (status, body): (&str, Vec<u8>) = match path.as_str() {
        path if path.ends_with("/generate-3d") => ("202 Accepted", br#"{"job_id":"j","position":1}"#.to_vec()),
        path if path.ends_with("/events") => ("204 No Content", Vec::new()),
        path if path.ends_with("/result") => ("200 OK", MESH.to_vec()),
        path if path.ends_with("/models") => {
            ("200 OK", br#"{"models":[{"name":"tiny","default":true,"steps":20,"licence":null}]}"#.to_vec())
        }
        _ => {
            ("200 OK", br#"{"status":"succeeded","progress":1,"attempt":1,"result":{"quality":{"faces":8}}}"#.to_vec())
        }
    };
    let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
    [head.into_bytes(), body].concat()
}

fn place() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("cup.png"), "a picture").unwrap();
    folder
}

/// `orfeas generate cup.png -o -` with nothing but these variables.
fn generate(folder: &Path, environment: &[(&str, &str)], more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas"));
    command.env_clear().envs(environment.iter().copied()).current_dir(folder);
    command.args(["generate", "cup.png", "-o", "-", "--api-key", KEY]).args(more).output().unwrap()
}

fn assert_made(output: &Output, what: &str) {
    assert!(output.status.success() && output.stdout == MESH, "{what}: {output:?}");
}

#[test]
fn addresses_may_lack_a_scheme() {
    let (folder, server) = (place(), Server::plain());
    let port = server.address.port();
    for url in [format!("localhost:{port}"), format!("127.0.0.1:{port}/"), format!("HTTP://127.0.0.1:{port}")] {
        assert_made(&generate(folder.path(), &[], &["--url", &url]), &url);
    }
    assert_made(&generate(folder.path(), &[("ORFEAS_URL", &format!("localhost:{port}"))], &[]), "environment");
    for url in ["ftp://a", "http://user:secret@a", "a b", "localhost:port"] {
        let output = generate(folder.path(), &[], &["--url", url]);
        assert_eq!(output.status.code(), Some(2), "{url}: {output:?}");
    }
}

#[test]
fn loopback_and_plain_http_never_go_through_a_proxy() {
    let (folder, server) = (place(), Server::plain());
    let proxy = Server::proxy(server.address);
    let (port, proxy_url) = (server.address.port(), format!("http://{}", proxy.address));
    let url = format!("http://127.0.0.1:{port}");
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        for value in [proxy_url.as_str(), "socks5://127.0.0.1:9", "http://127.0.0.1:9", "nonsense://"] {
            let environment = [(name, value), ("no_proxy", "other.example")];
            assert_made(&generate(folder.path(), &environment, &["--url", &url]), &format!("{name}={value}"));
        }
        // Another machine, which does not exist here: the request fails, but the proxy does not see it.
        let output = generate(folder.path(), &[(name, &proxy_url)], &["--url", "http://mesh.invalid:1"]);
        assert_eq!(output.status.code(), Some(3), "{name}: {output:?}");
    }
    assert_eq!(proxy.seen(), "");
}

#[test]
fn https_servers_are_checked_against_the_given_certificates() {
    let (folder, server) = (place(), Server::tls());
    let url = format!("https://localhost:{}", server.address.port());
    let ca = fixture("ca.pem");
    assert_made(&generate(folder.path(), &[], &["--url", &url, "--ca-file", &ca]), "--ca-file");
    assert_made(&generate(folder.path(), &[("SSL_CERT_FILE", &ca)], &["--url", &url]), "SSL_CERT_FILE");
    assert!(server.seen().contains(KEY));
    let output = generate(folder.path(), &[], &["--url", &url]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code() == Some(3) && text.contains("cannot be reached") && text.contains("ertificate"),
        "{text}"
    );
    for wrong in ["cup.png", "nowhere.pem"] {
        let output = generate(folder.path(), &[], &["--url", &url, "--ca-file", wrong]);
        assert_eq!(output.status.code(), Some(1), "{wrong}: {output:?}");
    }
}

#[test]
fn a_proxy_for_https_sees_no_key() {
    let (folder, server) = (place(), Server::tls());
    let ca = fixture("ca.pem");
    for name in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        let proxy = Server::proxy(server.address);
        let value = format!("http://{}", proxy.address);
        let arguments = ["--url", "https://mesh.example", "--ca-file", &ca];
        assert_made(&generate(folder.path(), &[(name, &value)], &arguments), name);
        let seen = proxy.seen();
        assert!(
            seen.starts_with("CONNECT mesh.example:443 ") && !seen.contains(KEY) && !seen.contains("Bearer"),
            "{name}"
        );
        // no_proxy names the host: it is looked for directly, and not found.
        let before = seen.len();
        let output = generate(folder.path(), &[(name, &value), ("no_proxy", "x, .example")], &arguments);
        assert_eq!(output.status.code(), Some(3), "{name}: {output:?}");
        assert_eq!(proxy.seen().len(), before, "{name}");
    }
    let output =
        generate(folder.path(), &[("https_proxy", "gopher://u:hunter2@p")], &["--url", "https://mesh.example"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && text.contains("https_proxy") && !text.contains("hunter2"), "{text}");
}

#[test]
fn data_on_the_command_line_goes_before_addresses_of_the_environment() {
    let (folder, server) = (place(), Server::plain());
    let url = format!("http://{}", server.address);
    std::fs::create_dir(folder.path().join("d")).unwrap();
    let session = format!(r#"{{"gateway_url":"{url}","status_url":"{url}","api_key":"orf_live_d","pids":{{}}}}"#);
    std::fs::write(folder.path().join("d/up.json"), session).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas"));
    command.env_clear().env("ORFEAS_URL", "http://127.0.0.1:1").env("ORFEAS_API_KEY", KEY).current_dir(folder.path());
    assert_made(&command.args(["generate", "cup.png", "-o", "-", "--data", "d"]).output().unwrap(), "--data");
    assert!(server.seen().contains("Bearer orf_live_d") && !server.seen().contains(KEY));
}

#[test]
fn images_and_meshes_may_be_streams() {
    let (folder, server) = (place(), Server::plain());
    let url = format!("http://{}", server.address);
    let shell = |line: &str| {
        let mut command = Command::new("bash");
        command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(folder.path()).env("ORFEAS_URL", &url);
        command
            .env("ORFEAS_API_KEY", KEY)
            .env("ORFEAS", env!("CARGO_BIN_EXE_orfeas"))
            .args(["-c", line])
            .output()
            .unwrap()
    };
    assert_made(&shell("cat cup.png | $ORFEAS generate - -o -"), "pipe");
    assert_made(&shell("$ORFEAS generate <(cat cup.png) -o -"), "process substitution");
    assert_made(&shell("$ORFEAS generate cup.png -o /dev/stdout | cat"), "/dev/stdout");
    assert!(server.seen().contains("a picture"));
    let output = shell("cat cup.png | $ORFEAS generate - -o MUG.GLB && cat MUG.GLB && test ! -e MUG.GLB.part");
    assert!(output.status.success() && output.stdout.ends_with(MESH), "{output:?}");
    assert_eq!(shell("$ORFEAS generate - -o x.glb < /dev/null").status.code(), Some(2), "an empty picture");
    assert_eq!(shell("$ORFEAS generate /dev/zero -o x.glb").status.code(), Some(2), "an endless picture");
    let output = shell("$ORFEAS generate cup.png -o - > /dev/full");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let mode = shell("umask 022; $ORFEAS generate cup.png -o mode.glb >&2; stat -c %a mode.glb");
    assert_eq!(String::from_utf8_lossy(&mode.stdout), "644\n");
}

#[test]
fn mistakes_are_found_before_the_server_is_asked() {
    let (folder, server) = (place(), Server::plain());
    let url = format!("http://{}", server.address);
    for (output, code) in [("mug.fbx", 2), ("mug.glb.tmp", 2), (".glb", 2), ("cup.png", 2), ("cup.png/x.glb", 1)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas"));
        command.env_clear().current_dir(folder.path()).args(["generate", "cup.png", "--url", &url, "--api-key", KEY]);
        let output = command.args(["-o", output]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
    assert_eq!(server.seen(), "");
}

#[test]
fn the_models_of_a_server_are_listed() {
    let (folder, server) = (place(), Server::plain());
    let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas"));
    command.env_clear().current_dir(folder.path()).args(["models", "served", "--api-key", KEY, "--url"]);
    let output = command.arg(format!("localhost:{}", server.address.port())).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("tiny") && text.contains("default"), "{output:?}");
}

//! TLS with a private certificate authority.

use crate::world::{MOST, Names, OUTSIDE, Server, TIME};
use egress::{Egress, EgressOptions, Error, Refused};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/files").join(name)
}

/// A server whose certificate is for `server.test`.
async fn server() -> u16 {
    let certificates = CertificateDer::pem_file_iter(file("server.pem")).unwrap().map(Result::unwrap).collect();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_file(file("server.key")).unwrap())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(SocketAddr::from((OUTSIDE, 0))).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure").await;
            let _ = stream.shutdown().await;
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn name_and_certificate_must_match() {
    let port = server().await;
    let options = EgressOptions {
        egress_allow: vec!["127.0.0.2/32".parse().unwrap()],
        egress_ports: vec![port],
        egress_ca_file: Some(file("authority.pem")),
        ..EgressOptions::default()
    };
    let names = || Names::of(&[("server.test", &[&["127.0.0.2"]]), ("other.test", &[&["127.0.0.2"]])]);
    let trusting = Egress::with_resolver(&options, names()).unwrap();
    for host in ["server.test", "server.test.", "SERVER.test"] {
        assert_eq!(trusting.get(&format!("https://{host}:{port}/"), MOST, TIME).await.unwrap(), "secure", "{host}");
    }
    for host in ["other.test", "127.0.0.2"] {
        let refused = trusting.get(&format!("https://{host}:{port}/"), MOST, TIME).await.unwrap_err();
        assert!(matches!(refused, Refused::Insecure(_)), "{host}: {refused:?}");
    }
    let strict = Egress::with_resolver(&EgressOptions { egress_ca_file: None, ..options }, names()).unwrap();
    let refused = strict.get(&format!("https://server.test:{port}/"), MOST, TIME).await.unwrap_err();
    assert!(matches!(refused, Refused::Insecure(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_refused() {
    let server = Server::answering(OUTSIDE, b"HTTP/1.1 200 OK\r\n\r\n").await;
    let egress = crate::world::egress(&[server.port], Names::of(&[("server.test", &[&["127.0.0.2"]])]));
    let short = std::time::Duration::from_millis(500);
    let refused = egress.get(&format!("https://server.test:{}/", server.port), MOST, short).await.unwrap_err();
    assert!(matches!(refused, Refused::Insecure(_) | Refused::TooSlow), "{refused:?}");
}

#[test]
fn an_unusable_certificate_file_is_an_error() {
    for name in ["no-such-file", "../main.rs"] {
        let options = EgressOptions { egress_ca_file: Some(file(name)), ..EgressOptions::default() };
        assert!(matches!(Egress::new(&options), Err(Error::Certificates { path, .. }) if path.ends_with(name)));
    }
}

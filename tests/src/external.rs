//! An external server: pictures are fetched from it, and webhooks are sent to it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers each request with a picture.
pub struct ExternalServer {
    address: SocketAddr,
}

impl ExternalServer {
    /// Starts it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let picture = crate::picture("mug.png");
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", picture.len());
        let answer: Arc<[u8]> = [head.into_bytes(), picture].concat().into();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let answer = Arc::clone(&answer);
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 1 << 16]).await;
                    let _ = stream.write_all(&answer).await;
                });
            }
        });
        Self { address }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The options of a gateway that may call it.
    pub(crate) fn may_be_called(&self) -> [String; 3] {
        let ports = format!("--egress-ports=80,443,{}", self.address.port());
        ["--fetch-urls".to_owned(), "--egress-allow=127.0.0.1/32".to_owned(), ports]
    }
}

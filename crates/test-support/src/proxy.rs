//! A TCP proxy that a test can cut, stall or slow down.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// The state of the proxy.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Line {
    /// Bytes pass with this delay.
    Open(Duration),
    /// Connections stay open, but nothing passes.
    Stalled,
    /// There are no connections, and new ones are closed at once.
    Cut,
}

/// A proxy between a client and `target`: the client is given [`address`](Self::address) instead.
/// Dropping this value ends it.
#[derive(Debug)]
pub struct ChaosProxy {
    address: SocketAddr,
    target: watch::Sender<SocketAddr>,
    line: watch::Sender<Line>,
    acceptor: AbortHandle,
}

impl ChaosProxy {
    /// Starts a proxy to `target` on a free loopback port, open.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let (line, state) = watch::channel(Line::Open(Duration::ZERO));
        let (target, targets) = watch::channel(target);
        let acceptor = tokio::spawn(accept(listener, targets, state)).abort_handle();
        Self { address, target, line, acceptor }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as `redis://127.0.0.1:port`.
    pub fn redis_url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Connects new clients to `target`; existing connections stay, as when the address of a service is moved.
    pub fn redirect(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }

    /// Closes every connection, and every new one at once, until [`heal`](Self::heal).
    pub fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Keeps connections open and passes nothing, as a network that drops packets, until [`heal`](Self::heal).
    pub fn stall(&self) {
        self.line.send_replace(Line::Stalled);
    }

    /// Delays each piece of data by `by`, in both directions.
    pub fn delay(&self, by: Duration) {
        self.line.send_replace(Line::Open(by));
    }

    /// Passes everything without delay again.
    pub fn heal(&self) {
        self.line.send_replace(Line::Open(Duration::ZERO));
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        // The acceptor owns the connections: they end with it.
        self.acceptor.abort();
    }
}

async fn accept(listener: TcpListener, target: watch::Receiver<SocketAddr>, line: watch::Receiver<Line>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        if *line.borrow() != Line::Cut {
            connections.spawn(carry(client, *target.borrow(), line.clone()));
        }
    }
}

/// One connection, until either side closes it or the line is cut.
async fn carry(client: TcpStream, target: SocketAddr, line: watch::Receiver<Line>) {
    let Ok(server) = TcpStream::connect(target).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let mut cut = line.clone();
    tokio::select! {
        () = copy(from_client, to_server, line.clone()) => {}
        () = copy(from_server, to_client, line.clone()) => {}
        _ = cut.wait_for(|line| *line == Line::Cut) => {}
    }
}

async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut line: watch::Receiver<Line>,
) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(n @ 1..) = from.read(&mut piece).await {
        let Ok(now) = line.wait_for(|line| *line != Line::Stalled).await.map(|line| *line) else { return };
        if let Line::Open(delay) = now {
            tokio::time::sleep(delay).await;
        }
        if to.write_all(&piece[..n]).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RedisServer;
    use std::time::Instant;
    use tokio::time::timeout;

    async fn ping(line: &mut TcpStream) -> std::io::Result<[u8; 7]> {
        let mut answer = [0; 7];
        line.write_all(b"PING\r\n").await?;
        line.read_exact(&mut answer).await?;
        Ok(answer)
    }

    #[tokio::test]
    async fn the_line_can_be_cut_stalled_slowed_and_healed() {
        let server = RedisServer::start();
        let proxy = ChaosProxy::start(server.address()).await;
        let mut line = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(&ping(&mut line).await.unwrap(), b"+PONG\r\n");

        proxy.delay(Duration::from_millis(60));
        let start = Instant::now();
        ping(&mut line).await.unwrap();
        assert!(start.elapsed() >= Duration::from_millis(120), "both directions are slowed");

        proxy.stall();
        assert!(timeout(Duration::from_millis(100), ping(&mut line)).await.is_err());
        proxy.heal();
        let mut answer = [0; 7];
        line.read_exact(&mut answer).await.unwrap();

        proxy.cut();
        assert!(ping(&mut line).await.is_err());
        let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(ping(&mut refused).await.is_err());
        proxy.heal();
        let mut line = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(&ping(&mut line).await.unwrap(), b"+PONG\r\n");
    }
}

//! Waiting for what has been started.

use crate::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// How often to ask.
const PAUSE: Duration = Duration::from_millis(25);

/// Longest wait for Redis, which reads its whole file first.
const REDIS: Duration = Duration::from_secs(300);

/// Longest wait for the gateway, which only has to bind a port.
const GATEWAY: Duration = Duration::from_secs(30);

/// Longest wait for a worker, which loads a model of many gigabytes perhaps.
const WORKER: Duration = Duration::from_secs(900);

/// Redis answers on its socket and has read its file.
pub(super) async fn redis(socket: &Path) -> Result<(), Error> {
    wait("redis", REDIS, async || answers(socket).await).await
}

/// No Redis of an earlier run still writes to the data directory: one that was killed the hard way may have left a
/// Redis that is just ending. Two on one file would spoil it.
pub(super) async fn no_redis_left_over(socket: &Path) -> Result<(), Error> {
    let gone = wait("the end of redis", Duration::from_secs(20), async || ping(socket).await.is_none()).await;
    gone.map_err(|_| Error::Unavailable(format!("another redis-server still uses {}; stop it", socket.display())))
}

/// A Redis listens on this socket and has read its file.
pub(super) async fn answers(socket: &Path) -> bool {
    ping(socket).await.as_deref() == Some("+PONG")
}

async fn ping(socket: &Path) -> Option<String> {
    let ask = async {
        let mut stream = UnixStream::connect(socket).await.ok()?;
        stream.write_all(b"PING\r\n").await.ok()?;
        let mut answer = [0; 64];
        let length = stream.read(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer[..length]).trim_end().to_owned())
    };
    tokio::time::timeout(Duration::from_secs(2), ask).await.ok()?
}

/// The gateway says that it can take requests.
pub(super) async fn gateway(address: SocketAddr) -> Result<(), Error> {
    probe(address, GATEWAY).await
}

/// A worker says that it can take jobs. It writes its address into a file first.
pub(super) async fn worker(address_file: &Path) -> Result<(), Error> {
    let start = Instant::now();
    let mut address = None;
    wait("a worker", WORKER, async || {
        address = std::fs::read_to_string(address_file).ok().and_then(|text| text.trim().parse().ok());
        address.is_some()
    })
    .await?;
    match address {
        Some(address) => probe(address, WORKER.saturating_sub(start.elapsed())).await,
        None => Ok(()),
    }
}

async fn probe(address: SocketAddr, longest: Duration) -> Result<(), Error> {
    let client = reqwest::Client::new();
    let url = format!("http://{address}/readyz");
    wait(&url, longest, async || {
        let answer = client.get(&url).timeout(Duration::from_secs(5)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    })
    .await
}

async fn wait(what: &str, longest: Duration, mut holds: impl AsyncFnMut() -> bool) -> Result<(), Error> {
    let start = Instant::now();
    while !holds().await {
        if start.elapsed() > longest {
            return Err(Error::Unavailable(format!("waited {} s in vain for {what}", longest.as_secs())));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

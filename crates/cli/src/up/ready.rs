//! Waiting until programs are ready.

use crate::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// How often readiness is checked.
const PAUSE: Duration = Duration::from_millis(25);

/// Longest wait for Redis, which first reads its whole file.
const REDIS: Duration = Duration::from_secs(300);

/// Longest wait for the gateway, which only has to bind a port.
const GATEWAY: Duration = Duration::from_secs(30);

/// Longest wait for a worker, which may load a model of many gigabytes.
const WORKER: Duration = Duration::from_secs(900);

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(5);

/// The most bytes of an answer that are read.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// The oldest version of Redis whose scripts have functions with flags.
const REDIS_VERSION: u32 = 7;

/// Redis answers on its socket, has loaded its file, and is new enough.
pub(super) async fn redis(socket: &Path, program: &Path) -> Result<(), Error> {
    wait("redis", REDIS, async || answers(socket).await).await?;
    let info = ask(socket, b"INFO server\r\n").await.unwrap_or_default();
    let version = info.lines().find_map(|line| line.strip_prefix("redis_version:")).unwrap_or_default().trim();
    let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
    if major.is_some_and(|major| major < REDIS_VERSION) {
        let program = program.display();
        return Err(Error::Unavailable(format!(
            "{program} is Redis {version}, which is too old: {REDIS_VERSION}.0 or later is needed; choose another with \
             --redis-server"
        )));
    }
    Ok(())
}

/// No Redis of an earlier run still writes to the data directory. After SIGKILL to an `up`, its Redis may be ending just
/// now, and two of them would corrupt the file.
pub(super) async fn no_redis_left_over(socket: &Path) -> Result<(), Error> {
    let gone = wait("the end of redis", Duration::from_secs(20), async || ping(socket).await.is_none()).await;
    gone.map_err(|_| Error::Unavailable(format!("another redis-server still uses {}; stop it", socket.display())))
}

/// A Redis listens on this socket and has loaded its file.
pub(super) async fn answers(socket: &Path) -> bool {
    ping(socket).await.as_deref() == Some("+PONG")
}

async fn ping(socket: &Path) -> Option<String> {
    Some(ask(socket, b"PING\r\n").await?.trim_end().to_owned())
}

/// The first part of the answer to a command.
async fn ask(socket: &Path, command: &[u8]) -> Option<String> {
    let ask = async {
        let mut stream = UnixStream::connect(socket).await.ok()?;
        stream.write_all(command).await.ok()?;
        let mut answer = [0; 1024];
        let length = stream.read(&mut answer).await.ok()?;
        Some(String::from_utf8_lossy(&answer[..length]).into_owned())
    };
    tokio::time::timeout(Duration::from_secs(2), ask).await.ok()?
}

/// The gateway answers. Its readiness may need a worker, when jobs wait from the run before.
pub(super) async fn gateway(address: SocketAddr) -> Result<(), Error> {
    probe(address, "/livez", GATEWAY).await
}

/// A worker is ready; returns its address, which it writes into a file at its start.
pub(super) async fn worker(address_file: &Path) -> Result<SocketAddr, Error> {
    let start = Instant::now();
    loop {
        let address = std::fs::read_to_string(address_file).ok().and_then(|text| text.trim().parse().ok());
        match address {
            Some(address) => {
                probe(address, "/readyz", WORKER.saturating_sub(start.elapsed())).await?;
                return Ok(address);
            }
            None if start.elapsed() > WORKER => return Err(in_vain("a worker", WORKER)),
            None => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// The device on which a worker runs its model, from its metrics.
pub(super) async fn device(worker: SocketAddr) -> Option<String> {
    let metrics = get(worker, "/metrics").await.filter(|answer| answer.status == 200)?.body;
    let (_, device) =
        metrics.lines().find(|line| line.starts_with("orfeas_model_load_seconds"))?.split_once("device=\"")?;
    Some(device.split('"').next()?.to_owned())
}

async fn probe(address: SocketAddr, path: &str, longest: Duration) -> Result<(), Error> {
    let url = format!("http://{address}{path}");
    wait(&url, longest, async || get(address, path).await.is_some_and(|answer| answer.status == 200)).await
}

/// An HTTP answer.
struct Answer {
    status: u16,
    body: String,
}

/// GET over a connection of its own, straight to the address: probes need neither TLS nor proxies.
async fn get(address: SocketAddr, path: &str) -> Option<Answer> {
    let ask = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        let request = format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await.ok()?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, body: body.to_owned() })
    };
    tokio::time::timeout(ANSWER, ask).await.ok()?
}

async fn wait(what: &str, longest: Duration, mut holds: impl AsyncFnMut() -> bool) -> Result<(), Error> {
    let start = Instant::now();
    while !holds().await {
        if start.elapsed() > longest {
            return Err(in_vain(what, longest));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn in_vain(what: &str, longest: Duration) -> Error {
    Error::Unavailable(format!("{what} was not ready within {} s", longest.as_secs()))
}

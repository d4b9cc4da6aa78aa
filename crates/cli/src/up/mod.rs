//! `orfeas up`: the whole service from one command, in one terminal.
//!
//! A private Redis, a local blob directory, the gateway (which is the status service, too) and the workers run as children
//! of this process, each with its own log file. A child that ends by itself is restarted. When this process is signalled to
//! stop, workers finish their jobs, then the gateway closes, then Redis saves. Children never outlive this process.

mod child;
mod data;
mod device;
mod options;
mod programs;
mod ready;
mod reason;
mod redis;
mod screen;
mod services;
mod store;
mod supervisor;
mod tenant;

pub use options::Options;
pub(crate) use store::Store;

use crate::Error;
use crate::session::Session;
use anyhow::Context;
use data::Data;
use programs::Programs;
use services::Services;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Longest time for a worker to end: it finishes the jobs that it has begun.
const WORKER_GRACE: Duration = Duration::from_secs(60);

/// Longest time for the gateway to end: it closes its streams.
const GATEWAY_GRACE: Duration = Duration::from_secs(40);

/// Longest time for Redis to end: it writes its file.
const REDIS_GRACE: Duration = Duration::from_secs(20);

/// Runs the whole service until it is signalled to stop.
///
/// Call it on a runtime of one thread: the system ties the children's lives to the thread that starts them.
///
/// # Errors
/// Something is missing or taken, or a program does not come up.
pub async fn up(options: &Options) -> Result<(), Error> {
    let start = Instant::now();
    let mut signals = Signals::new()?;
    let data = Data::open(&options.data)?;
    let programs = Programs::find(options, &data)?;
    let url = format!("http://{}", reachable(programs.gateway));
    let session = Session {
        gateway_url: url.clone(),
        status_url: url,
        // Made when Redis is ready.
        api_key: String::new(),
        redis_url: programs.redis.url(),
        pids: BTreeMap::from([("up".to_owned(), std::process::id())]),
        problems: BTreeMap::new(),
    };
    let files = [Some(Session::file(data.root())), options.ready_file.clone()].into_iter().flatten().collect();
    let mut services = Services::new(session, files);
    let outcome = tokio::select! {
        outcome = services.run(options, &data, &programs, start) => outcome,
        () = signals.next() => Ok(()),
    };
    if outcome.is_ok() {
        screen::stopping();
    }
    services.close(&mut signals).await;
    if outcome.is_ok() {
        screen::stopped();
    }
    outcome
}

/// The address under which programs on this machine reach a listener.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Signals to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, Error> {
        let terminate = signal(SignalKind::terminate()).context("signals cannot be caught")?;
        let interrupt = signal(SignalKind::interrupt()).context("signals cannot be caught")?;
        Ok(Self { terminate, interrupt })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

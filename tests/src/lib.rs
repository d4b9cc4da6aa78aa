//! The system, seen from outside: every part a real process, on loopback, in a folder of its own.
//!
//! [`System`] starts a redis-server, gateway, status, workers and nginx, as `docker-compose-scale.yml` does; the tests
//! in `tests/it` speak to it as a client would. Only tests use this crate, so it panics with a telling message.
#![allow(clippy::unwrap_used)]

mod agent;
mod caller;
pub mod chaos;
mod client;
mod document;
mod external;
pub mod mixed;
pub mod nginx;
mod page;

pub use caller::Caller;
pub use client::Client;
pub use external::ExternalServer;
pub use page::{Block, blocks};

use access::{Defaults, MasterKey, Mode, NewTenant, Registry, Tier};
use domain::Class;
use secrecy::ExposeSecret;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;
use test_support::{RedisServer, ServiceProcess, free_port};

/// All services, running until it is dropped.
pub struct System {
    /// A client behind nginx, with a valid key.
    pub client: Client,
    /// nginx.
    pub nginx: ServiceProcess,
    /// The gateway.
    pub gateway: ServiceProcess,
    /// The status service.
    pub status: ServiceProcess,
    /// The workers.
    pub workers: Vec<ServiceProcess>,
    /// The address of the gateway itself.
    pub gateway_url: String,
    /// The address of the status service itself.
    pub status_url: String,
    redis: RedisServer,
    folder: TempDir,
}

impl System {
    /// Starts everything, with so many workers, and waits until it is ready.
    pub async fn start(workers: usize) -> Self {
        Self::start_with(workers, &[]).await
    }

    /// Starts everything but workers; the gateway may call the external server.
    pub async fn start_with_external(external: &ExternalServer) -> Self {
        Self::start_with(0, &external.may_be_called()).await
    }

    /// Starts everything, with further options of the gateway.
    pub async fn start_with(workers: usize, gateway: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = RedisServer::start();
        let key = register(&redis, folder.path()).await;

        let (gateway, gateway_port) = Self::server("orfeas-gateway", &redis, folder.path(), gateway);
        let (status, status_port) = Self::server("orfeas-status", &redis, folder.path(), &[]);
        let (nginx, nginx_port) = nginx::start(&folder.path().join("nginx"), gateway_port, status_port);
        let client = Client::new(nginx_port, &key);

        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let (gateway_url, status_url) = (url(gateway_port), url(status_port));
        let mut system =
            Self { client, nginx, gateway, status, workers: Vec::new(), gateway_url, status_url, redis, folder };
        for _ in 0..workers {
            system.add_worker().await;
        }
        let wait = Duration::from_secs(30);
        system.gateway.wait_ready(&format!("http://127.0.0.1:{gateway_port}/readyz"), wait).await;
        system.status.wait_ready(&format!("http://127.0.0.1:{status_port}/readyz"), wait).await;
        system.nginx.wait_ready(&format!("http://127.0.0.1:{nginx_port}/livez"), wait).await;
        system
    }

    /// Starts one worker more, with short leases, and waits until it is ready.
    pub async fn add_worker(&mut self) {
        let port = free_port();
        let mut command = Self::service("orfeas-worker", &self.redis, self.folder.path());
        command.arg("--model").arg(repository().join("models/orfeas-tiny"));
        // Tests run side by side: each worker keeps to one core.
        command
            .args(["--device", "cpu", "--torch-threads", "1", "--lease-seconds", "3"])
            .arg("--listen")
            .arg(format!("127.0.0.1:{port}"));
        let worker = ServiceProcess::spawn(&mut command);
        worker.wait_ready(&format!("http://127.0.0.1:{port}/readyz"), Duration::from_secs(60)).await;
        self.workers.push(worker);
    }

    fn server(name: &str, redis: &RedisServer, folder: &Path, more: &[String]) -> (ServiceProcess, u16) {
        let port = free_port();
        let mut command = Self::service(name, redis, folder);
        command.arg("--listen").arg(format!("127.0.0.1:{port}"));
        command.arg("--master-key-file").arg(folder.join("master-key")).args(more);
        (ServiceProcess::spawn(&mut command), port)
    }

    fn service(name: &str, redis: &RedisServer, folder: &Path) -> Command {
        let mut command = Command::new(ServiceProcess::binary(name));
        command.args(["--redis-url", &redis.url()]).arg("--blobs").arg(folder.join("blobs"));
        command
    }
}

/// A user without limits; returns the key.
async fn register(redis: &RedisServer, folder: &Path) -> String {
    let master = MasterKey::create(&folder.join("master-key")).unwrap();
    let registry = Registry::connect(&redis.url(), "orfeas", &master, Defaults::default()).await.unwrap();
    let user = NewTenant { tier: Tier::Unlimited, ..NewTenant::new("system-test", Class::User) };
    registry.add(user, Mode::Live, None).await.unwrap().api_key.expose_secret().to_owned()
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A picture of `assets/`.
pub fn picture(name: &str) -> Vec<u8> {
    let path = repository().join("assets").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every picture of `assets/`, in the order of their names.
pub fn pictures() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(repository().join("assets")).unwrap();
    let mut pictures: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    pictures.retain(|path| path.extension().is_some_and(|end| end == "png"));
    pictures.sort();
    assert!(!pictures.is_empty(), "there are no pictures in assets/");
    pictures
}

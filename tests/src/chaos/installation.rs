//! Redis with the persistence that users get, two gateways, three workers, all on fixed ports.

use crate::register;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use test_support::{RedisServer, ServiceProcess, free_port};

pub(super) const GATEWAYS: usize = 2;
pub(super) const WORKERS: usize = 3;

/// A process that can be started again with the same command line.
pub(super) struct Restartable {
    program: &'static str,
    arguments: Vec<String>,
    process: Mutex<Arc<ServiceProcess>>,
}

impl Restartable {
    fn start(program: &'static str, arguments: Vec<String>) -> Self {
        let process = Mutex::new(Arc::new(spawn(program, &arguments)));
        Self { program, arguments, process }
    }

    pub(super) fn process(&self) -> Arc<ServiceProcess> {
        Arc::clone(&self.process.lock().unwrap())
    }

    /// Starts it again, after it has ended.
    pub(super) fn restart(&self) {
        *self.process.lock().unwrap() = Arc::new(spawn(self.program, &self.arguments));
    }

    /// Whether it ended without being told to.
    pub(super) fn has_ended(&self) -> bool {
        self.process().ended().is_some()
    }
}

fn spawn(program: &str, arguments: &[String]) -> ServiceProcess {
    ServiceProcess::spawn(Command::new(ServiceProcess::binary(program)).args(arguments))
}

pub(super) struct Installation {
    pub(super) redis: RedisServer,
    pub(super) gateways: Vec<Restartable>,
    pub(super) workers: Vec<Restartable>,
    /// The base URLs of the gateways.
    pub(super) urls: Vec<String>,
    pub(super) key: String,
    _folder: TempDir,
}

impl Installation {
    pub(super) async fn start(model: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
        let key = register(&redis, folder.path()).await;
        let common = |more: Vec<String>| -> Vec<String> {
            let blobs = folder.path().join("blobs").display().to_string();
            ["--redis-url".to_owned(), redis.url(), "--blobs".to_owned(), blobs].into_iter().chain(more).collect()
        };
        let mut urls = Vec::new();
        let gateways: Vec<Restartable> = (0..GATEWAYS)
            .map(|_| {
                let address = format!("127.0.0.1:{}", free_port());
                urls.push(format!("http://{address}"));
                let master_key = folder.path().join("master-key").display().to_string();
                let more = ["--listen", &address, "--with-status", "--master-key-file", &master_key];
                Restartable::start("orfeas-gateway", common(more.map(str::to_owned).to_vec()))
            })
            .collect();
        let workers = (0..WORKERS).map(|n| {
            let (name, model) = (format!("worker-{n}"), model.display().to_string());
            let more = ["--model", &model, "--device", "cpu", "--torch-threads", "1", "--worker-name", &name];
            Restartable::start("orfeas-worker", common(more.map(str::to_owned).to_vec()))
        });
        let workers = workers.collect();
        for (gateway, url) in gateways.iter().zip(&urls) {
            let process = gateway.process();
            process.wait_ready(&format!("{url}/livez"), Duration::from_secs(30)).await;
        }
        Self { redis, gateways, workers, urls, key, _folder: folder }
    }
}

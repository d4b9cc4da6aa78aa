//! Two versions over one Redis: gateways and workers of this build beside those of another folder of binaries.
//!
//! Each gateway submits jobs while the workers are of the one version, of the other, and of both. Every job has to
//! succeed in its first attempt, and every page about it has to be readable at both gateways.

use crate::register;
use reqwest::{RequestBuilder, StatusCode, multipart};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use test_support::{RedisServer, ServiceProcess, free_port};

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder with the binaries of the other version.
    pub other: PathBuf,
    /// Jobs that each gateway submits in each of the three phases.
    pub jobs: usize,
    /// The model that the workers run.
    pub model: PathBuf,
    /// A form field that only the other version knows. The jobs with it must wait for a worker of that version.
    pub only_other: Option<(String, String)>,
}

/// What came of the jobs.
#[derive(Debug, Default)]
pub struct Report {
    /// Accepted jobs.
    pub accepted: usize,
    /// Jobs that succeeded in their first attempt.
    pub succeeded: usize,
    /// Every promise that was broken.
    pub broken: Vec<String>,
}

/// Runs it.
pub async fn run(options: &Options) -> Report {
    let installation = Installation::start(options).await;
    let mut report = Report::default();
    let mut waiting = Vec::new();
    for workers in [&[OTHER][..], &[OWN], &[OWN, OTHER]] {
        let mut running = Vec::new();
        for version in workers {
            running.push(installation.worker(*version, &options.model).await);
        }
        let mut jobs = Vec::new();
        for number in 0..options.jobs {
            for gateway in [OWN, OTHER] {
                jobs.push(installation.submit(gateway, number, None, &mut report).await);
            }
            if let Some(field) = &options.only_other {
                waiting.push(installation.submit(OTHER, number, Some(field), &mut report).await);
            }
        }
        if workers.contains(&OTHER) {
            jobs.append(&mut waiting);
        }
        for job in jobs.into_iter().flatten() {
            installation.follow(&job, &mut report).await;
        }
        for url in &installation.urls {
            installation.page(url, "jobs?limit=100", &mut report).await;
        }
        for worker in running {
            worker.terminate(PATIENCE).await;
        }
    }
    report
}

/// Indices of the versions.
const OWN: usize = 0;
const OTHER: usize = 1;

/// A job takes at most this long.
const PATIENCE: Duration = Duration::from_secs(120);

/// Redis and a gateway of each version.
struct Installation {
    binaries: [PathBuf; 2],
    urls: Vec<String>,
    key: String,
    arguments: Vec<String>,
    http: reqwest::Client,
    _gateways: Vec<ServiceProcess>,
    _redis: RedisServer,
    _folder: TempDir,
}

impl Installation {
    async fn start(options: &Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let redis = RedisServer::start();
        let key = register(&redis, folder.path()).await;
        let own = ServiceProcess::binary("orfeas-gateway").parent().unwrap().to_path_buf();
        let binaries = [own, options.other.clone()];
        let blobs = folder.path().join("blobs").display().to_string();
        let arguments = vec!["--redis-url".to_owned(), redis.url(), "--blobs".to_owned(), blobs];
        let (mut gateways, mut urls) = (Vec::new(), Vec::new());
        for binaries in &binaries {
            let address = format!("127.0.0.1:{}", free_port());
            let mut command = Command::new(binaries.join("orfeas-gateway"));
            command.args(&arguments).args(["--listen", &address, "--with-status", "--master-key-file"]);
            let gateway = ServiceProcess::spawn(command.arg(folder.path().join("master-key")));
            gateway.wait_ready(&format!("http://{address}/livez"), PATIENCE).await;
            gateways.push(gateway);
            urls.push(format!("http://{address}/api/v1"));
        }
        let http = reqwest::Client::new();
        Self { binaries, urls, key, arguments, http, _gateways: gateways, _redis: redis, _folder: folder }
    }

    async fn worker(&self, version: usize, model: &Path) -> ServiceProcess {
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(self.binaries[version].join("orfeas-worker"));
        command.args(&self.arguments).args(["--device", "cpu", "--torch-threads", "1", "--listen", &address]);
        let worker = ServiceProcess::spawn(command.arg("--model").arg(model));
        worker.wait_ready(&format!("http://{address}/readyz"), PATIENCE).await;
        worker
    }

    async fn send(&self, request: RequestBuilder) -> (StatusCode, Value) {
        let answer = request.bearer_auth(&self.key).send().await.unwrap();
        let status = answer.status();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
    }

    /// Submits one job, each with its own seed, and returns its id.
    async fn submit(
        &self,
        gateway: usize,
        number: usize,
        field: Option<&(String, String)>,
        report: &mut Report,
    ) -> Option<String> {
        let image = multipart::Part::bytes(crate::picture("mug.png")).file_name("mug.png");
        let seed = (report.accepted + 1).to_string();
        let form = multipart::Form::new().part("image", image).text("seed", seed);
        let form = form.text("steps", "2").text("octree_resolution", "32");
        let form = match field {
            Some((name, value)) => form.text(name.clone(), value.clone()),
            None => form.text("format", ["glb", "obj", "stl"][number % 3]),
        };
        let request = self.http.post(format!("{}/generate-3d", self.urls[gateway])).multipart(form);
        let (status, answer) = self.send(request).await;
        if status == StatusCode::ACCEPTED {
            report.accepted += 1;
        } else {
            report.broken.push(format!("a submission was answered {status}: {answer}"));
        }
        answer["job_id"].as_str().map(str::to_owned)
    }

    /// A page that both versions have to show.
    async fn page(&self, url: &str, path: &str, report: &mut Report) -> Value {
        let (status, answer) = self.send(self.http.get(format!("{url}/{path}"))).await;
        if status != StatusCode::OK {
            report.broken.push(format!("{path} was answered {status}: {answer}"));
        }
        answer
    }

    /// Waits for the end of a job, and reads all its pages at both gateways.
    async fn follow(&self, job: &str, report: &mut Report) {
        let start = Instant::now();
        let mut record = Value::Null;
        while !["succeeded", "failed", "cancelled"].contains(&record["status"].as_str().unwrap_or_default()) {
            if start.elapsed() > PATIENCE {
                return report.broken.push(format!("job {job} did not end: {record}"));
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            record = self.page(&self.urls[OWN], &format!("jobs/{job}"), report).await;
        }
        if record["status"] == "succeeded" && record["attempt"] == 1 {
            report.succeeded += 1;
        } else {
            report.broken.push(format!("job {job} did not succeed at once: {record}"));
        }
        for url in &self.urls {
            for page in ["", "/events", "/artifacts/mesh", "/thumbnail"] {
                self.page(url, &format!("jobs/{job}{page}"), report).await;
            }
        }
    }
}

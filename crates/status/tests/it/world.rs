//! A status service in this process, a client with a key, and a worker.

use blobs::{BlobOptions, Blobs};
use clap::Parser;
use domain::{Class, Job, JobId, MeshFormat, ResultRecord, StageTiming};
use http_api::Server;
use queue::{Lease, LeaseOptions, Queue, RedisOptions, Worker};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;
use status::Options;
use std::time::Duration;
use tempfile::TempDir;
use test_support::RedisServer;
use tokio_util::sync::CancellationToken;

pub(crate) use crate::tenants::{command_line, register};
pub(crate) use test_support::{problem, worker_info};

pub(crate) struct World {
    pub(crate) redis: RedisServer,
    pub(crate) directory: TempDir,
    pub(crate) client: Client,
    pub(crate) base: String,
    pub(crate) keys: [String; 2],
    /// The ids of the owners of `keys`.
    pub(crate) owners: [String; 2],
    pub(crate) queue: Queue,
    pub(crate) blobs: Blobs,
    pub(crate) server: Server,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(arguments: &[&str]) -> Self {
        let (redis, directory) = (RedisServer::start_durable(), tempfile::tempdir().unwrap());
        let tenants = register(directory.path(), &redis.url()).await;
        let owners = tenants.each_ref().map(|tenant| tenant.id.clone());
        let keys = tenants.map(|tenant| tenant.key);
        let mut line = command_line(directory.path(), &redis.url());
        line.extend(arguments.iter().map(|&argument| argument.to_owned()));
        let server = status::start(&Options::parse_from(line), CancellationToken::new()).await.unwrap();
        let base = format!("http://{}", server.address());
        let queue = Queue::connect(&RedisOptions::at(&redis.url()).unwrap()).await.unwrap();
        let blobs = Blobs::open(&BlobOptions::at(directory.path().join("blobs").to_str().unwrap())).unwrap();
        Self { redis, directory, client: Client::new(), base, keys, owners, queue, blobs, server }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request with the first key.
    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path)).bearer_auth(&self.keys[0])
    }

    /// A request for a job, or what lies below it, with the first key.
    pub(crate) fn get_job(&self, job: JobId, below: &str) -> RequestBuilder {
        self.get(&format!("/api/v1/jobs/{job}{below}"))
    }

    pub(crate) async fn view(&self, job: JobId) -> Value {
        self.get_job(job, "").send().await.unwrap().json().await.unwrap()
    }

    /// Submits a job of the first owner.
    pub(crate) async fn submit(&self) -> JobId {
        let job = job(&self.owners[0]);
        self.queue.submit(&job.clone().into()).await.unwrap();
        job.id
    }

    pub(crate) async fn worker(&self) -> Worker {
        let options = LeaseOptions { lease: Duration::from_secs(30), max_attempts: 2 };
        self.queue.worker(worker_info(), options).await.unwrap()
    }

    /// Submits a job and leases it.
    pub(crate) async fn running(&self) -> (JobId, Lease) {
        let job = self.submit().await;
        let lease = self.worker().await.lease(1, Duration::from_secs(5)).await.unwrap().remove(0);
        assert_eq!(lease.job().id, job);
        (job, lease)
    }

    /// A result of these bytes.
    pub(crate) async fn result(&self, format: MeshFormat, mesh: &[u8]) -> ResultRecord {
        let thumbnail = self.blobs.put("a small picture".into()).await.unwrap();
        let mesh_id = self.blobs.put(mesh.to_vec().into()).await.unwrap();
        let timings = vec![StageTiming::new("queue", 0.5), StageTiming::new("denoise", 2.5)];
        ResultRecord { timings, ..test_support::result(mesh_id, thumbnail, format, mesh.len() as u64) }
    }

    /// A job that succeeded with these bytes.
    pub(crate) async fn succeeded(&self, format: MeshFormat, mesh: &[u8]) -> (JobId, ResultRecord) {
        let (job, lease) = self.running().await;
        let result = self.result(format, mesh).await;
        lease.succeed(&result).await.unwrap();
        (job, result)
    }
}

/// Reads a stream until this has come.
pub(crate) async fn until(stream: &mut Response, text: &str) {
    let mut read = String::new();
    while !read.contains(text) {
        let chunk = stream.chunk().await.unwrap().unwrap_or_else(|| panic!("it ended after {read}"));
        read.push_str(std::str::from_utf8(&chunk).unwrap());
    }
}

pub(crate) fn job(owner: &str) -> Job {
    test_support::job(owner, Class::User)
}

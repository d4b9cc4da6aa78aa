//! A redis-server, a queue on it, and jobs to put there.

use domain::{
    Artifact, BlobId, Class, Failure, ImageToMesh, Job, JobId, MeshFormat, Parameters, Quality, ResultRecord,
    StageTiming, WorkerInfo,
};
use queue::{Lease, LeaseOptions, Queue, RedisOptions, Worker};
use redis::aio::MultiplexedConnection;
use std::time::Duration;
use test_support::RedisServer;

pub(crate) const PREFIX: &str = "test";
/// Never expires within a test.
pub(crate) const LONG: Duration = Duration::from_secs(600);
/// Short enough to wait for, and long enough for the calls made before it expires.
pub(crate) const SHORT: Duration = Duration::from_secs(2);

pub(crate) struct World {
    pub(crate) server: RedisServer,
    pub(crate) queue: Queue,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(RedisServer::start()).await
    }

    pub(crate) async fn on(server: RedisServer) -> Self {
        let queue = Queue::connect(&options(&server.url())).await.unwrap();
        Self { server, queue }
    }

    pub(crate) async fn worker(&self, lease: Duration) -> Worker {
        self.queue.worker(worker_info(), LeaseOptions { lease, max_attempts: 3 }).await.unwrap()
    }

    /// A plain connection to Redis, to inspect and change stored data.
    pub(crate) async fn raw(&self) -> MultiplexedConnection {
        redis::Client::open(self.server.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    pub(crate) async fn submit(&self) -> Job {
        let job = job();
        self.queue.submit(&job.clone().into()).await.unwrap();
        job
    }
}

pub(crate) fn options(url: &str) -> RedisOptions {
    RedisOptions::at(url).unwrap().with_prefix(PREFIX)
}

pub(crate) fn key(name: &str) -> String {
    format!("{PREFIX}:{{queue}}:{name}")
}

pub(crate) fn blob(digit: char) -> BlobId {
    digit.to_string().repeat(64).parse().unwrap()
}

/// A job of typical size.
pub(crate) fn job() -> Job {
    let parameters = Parameters {
        steps: Some(30),
        guidance_scale: Some(5.5),
        seed: Some(9_007_199_254_740_991),
        octree_resolution: Some(384),
        format: Some(MeshFormat::GLB),
        face_budget: Some(100_000),
    };
    Job {
        v: Job::VERSION,
        id: JobId::new(),
        owner: "studio-agent-0042".to_owned(),
        class: Class::User,
        batch: None,
        scenario: None,
        spec: ImageToMesh::of_front(blob('a'), parameters).into(),
        next: Vec::new(),
        submitted_ms: 1_700_000_000_000,
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
    }
}

pub(crate) fn result() -> ResultRecord {
    let quality = Quality {
        vertices: 123_456,
        faces: 246_908,
        watertight: true,
        euler_number: 2,
        components: 1,
        area: 7.25,
        volume: 1.5,
        bounding_box: [[-0.9, -0.8, -0.7], [0.9, 0.8, 0.7]],
        degenerate_faces: 0,
        boundary_edges: 0,
    };
    ResultRecord {
        artifacts: vec![Artifact::mesh(blob('b'), MeshFormat::GLB, 4_444_444), Artifact::thumbnail(blob('c'), 100_000)],
        format: MeshFormat::GLB,
        quality,
        timings: vec![StageTiming::new("denoise", 12.5)],
        model: "tiny".to_owned(),
        model_digest: String::new(),
        seed: 7,
        steps: 30,
        guidance_scale: 5.5,
        octree_resolution: 384,
        batch_size: 4,
        warnings: Vec::new(),
    }
}

pub(crate) fn failure(retryable: bool) -> Failure {
    // The scripts must not alter quotes, percent signs or non-ASCII characters.
    Failure { code: "device_lost".to_owned(), detail: "100 % \"gone\" \\ — ή".to_owned(), retryable }
}

/// The position of a job, if it waits.
pub(crate) async fn position(queue: &Queue, id: JobId) -> Option<u64> {
    queue.position(id).await.unwrap().map(|found| found.position).filter(|position| *position > 0)
}

/// Leases one job, which must be waiting.
pub(crate) async fn take(worker: &Worker) -> Lease {
    let mut leases = worker.lease(1, Duration::ZERO).await.unwrap();
    assert_eq!(leases.len(), 1, "a job should wait");
    leases.pop().unwrap()
}

/// Makes a lease expire, or a delayed job due. A delayed job may have become due already.
pub(crate) async fn make_due(raw: &mut MultiplexedConnection, set: &str, job: JobId) {
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(raw).await.unwrap();
    let past = (seconds - 1) * 1000;
    let mut command = redis::cmd("ZADD");
    command.arg(key(set)).arg("XX").arg("CH").arg(past).arg(job.to_string());
    let changed: u64 = command.query_async(raw).await.unwrap();
    assert!(changed == 1 || set == "delayed", "{job} is not in {set}");
}

/// A worker that can run every job.
pub(crate) fn worker_info() -> WorkerInfo {
    WorkerInfo { slots: 0, ..test_support::worker_info() }
}

/// Jain's fairness index: 1 when all get the same, 1 / n when one of n gets everything.
pub(crate) fn jain(served: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = served.clone().count() as f64;
    served.clone().sum::<f64>().powi(2) / (n * served.map(|x| x * x).sum::<f64>())
}

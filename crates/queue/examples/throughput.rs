//! How many jobs a second pass through a queue, and how soon a waiting worker has one.
//!
//! `cargo run --release -p queue --example throughput [jobs] [concurrency] [tenants]` starts a redis-server of its own
//! (with an append-only file, synced every second), puts no-op jobs in, and takes them out again.

use domain::{Capability, Class, Failure, ImageToMesh, Job, JobId, LEVEL, Parameters, WorkerInfo};
use queue::{LeaseOptions, Queue, RedisOptions};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use test_support::RedisServer;
use tokio::task::JoinSet;

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse::<usize>());
    let (jobs, concurrency, tenants) = (number(20_000)?, number(32)?, number(1)?);
    let server = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let options = RedisOptions { queue_max_depth: 0, ..RedisOptions::at(&server.url())? };
    let queue = Queue::connect(&options).await?;
    let mut raw = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
    let mut out = std::io::stdout();

    for concurrency in [1, concurrency] {
        let rate = |start: Instant| jobs as f64 / start.elapsed().as_secs_f64();
        let before = script_time(&mut raw).await?;
        let start = Instant::now();
        let left = Arc::new(AtomicUsize::new(jobs));
        let mut producers = JoinSet::new();
        for _ in 0..concurrency {
            let (queue, left) = (queue.clone(), Arc::clone(&left));
            producers.spawn(async move {
                while let Ok(n) = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)) {
                    queue.submit(&job(n % tenants)?.into()).await?;
                }
                Ok::<_, Error>(())
            });
        }
        while let Some(done) = producers.join_next().await {
            done??;
        }
        let (rate_now, each) = (rate(start), (script_time(&mut raw).await? - before) / jobs as f64);
        writeln!(out, "{concurrency:3} at once: submit           {rate_now:8.0} jobs/s, {each:3.0} µs of Redis each")?;

        let before = script_time(&mut raw).await?;
        let start = Instant::now();
        let mut consumers = JoinSet::new();
        for _ in 0..concurrency {
            let worker = queue.worker(worker_info(), LeaseOptions::default()).await?;
            consumers.spawn(async move {
                loop {
                    let leases = worker.lease(1, Duration::ZERO).await?;
                    if leases.is_empty() {
                        return Ok::<_, Error>(());
                    }
                    for lease in leases {
                        lease.fail(&nothing_to_do()).await?;
                    }
                }
            });
        }
        while let Some(done) = consumers.join_next().await {
            done??;
        }
        let (rate_now, each) = (rate(start), (script_time(&mut raw).await? - before) / jobs as f64);
        writeln!(out, "{concurrency:3} at once: lease and finish {rate_now:8.0} jobs/s, {each:3.0} µs of Redis each")?;
    }

    let worker = queue.worker(worker_info(), LeaseOptions::default()).await?;
    let mut delays = Vec::new();
    for _ in 0..500 {
        let waiting = async { worker.lease(1, Duration::from_secs(10)).await.map(|leases| (leases, Instant::now())) };
        let submitting = async {
            tokio::time::sleep(Duration::from_millis(2)).await;
            let start = Instant::now();
            queue.submit(&job(0)?.into()).await?;
            Ok::<_, Error>(start)
        };
        let (taken, start) = tokio::join!(waiting, submitting);
        let (leases, at) = taken?;
        delays.push(at.saturating_duration_since(start?));
        for lease in leases {
            lease.fail(&nothing_to_do()).await?;
        }
    }
    delays.sort();
    let (median, p99) = (delays[delays.len() / 2], delays[delays.len() * 99 / 100]);
    writeln!(out, "submit to a waiting worker: median {median:.1?}, 99 % within {p99:.1?}")?;
    Ok(())
}

/// Microseconds that Redis has spent in scripts.
async fn script_time(raw: &mut redis::aio::MultiplexedConnection) -> Result<f64, Error> {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(raw).await?;
    let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:"));
    let time = line.and_then(|line| line.split(',').find_map(|part| part.strip_prefix("usec=")));
    Ok(time.map_or(Ok(0.0), str::parse)?)
}

fn job(tenant: usize) -> Result<Job, Error> {
    Ok(Job {
        v: Job::VERSION,
        id: JobId::new(),
        owner: format!("bench-{tenant}"),
        class: Class::User,
        batch: None,
        scenario: None,
        spec: ImageToMesh::of_front("a".repeat(64).parse()?, Parameters { seed: Some(1), ..Parameters::default() })
            .into(),
        next: Vec::new(),
        submitted_ms: 0,
        traceparent: None,
    })
}

/// The shortest way to end a job.
fn nothing_to_do() -> Failure {
    Failure { code: "bench".to_owned(), detail: "A job that only measures.".to_owned(), retryable: false }
}

/// A worker that can run every job.
fn worker_info() -> WorkerInfo {
    let capability = Capability {
        kind: "image_to_mesh".to_owned(),
        level: LEVEL,
        model: "tiny".to_owned(),
        is_default_model: true,
        multi_view: true,
        max_grid: 512,
    };
    WorkerInfo { name: "w".to_owned(), slots: 1, capabilities: vec![capability], ..WorkerInfo::default() }
}

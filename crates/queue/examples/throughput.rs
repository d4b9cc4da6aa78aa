//! How many jobs a second pass through a queue, and how soon a waiting worker has one.
//!
//! `cargo run --release -p queue --example throughput [jobs] [concurrency] [tenants] [script]` starts a redis-server of
//! its own (with an append-only file, synced every second). In each of three rounds it submits no-op jobs and processes
//! them, with one caller and with `concurrency` callers, and then runs `node script URL/1 jobs concurrency` on the same
//! server if a script is given (see `docs/benchmarks/bullmq.mjs`). It prints medians.

use domain::{Class, Failure, ImageToMesh, Job, JobId, Parameters, WorkerInfo};
use queue::{LeaseOptions, Queue, RedisOptions};
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use test_support::RedisServer;
use tokio::task::JoinSet;

type Error = Box<dyn std::error::Error + Send + Sync>;

const ROUNDS: usize = 3;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default| arguments.next().map_or(Ok(default), |text| text.parse::<usize>());
    let (jobs, concurrency, tenants) = (number(10_000)?, number(32)?, number(1)?);
    let script = arguments.next();
    let server = RedisServer::start_as_deployed();
    let options = RedisOptions { queue_max_depth: 0, ..RedisOptions::at(&server.url())? };
    let queue = Queue::connect(&options).await?;
    let mut raw = redis::Client::open(server.url())?.get_multiplexed_async_connection().await?;
    let mut out = std::io::stdout();

    let levels = [1, concurrency];
    let (mut rates, mut others) = (vec![(Vec::new(), Vec::new()); 2], vec![(Vec::<f64>::new(), Vec::<f64>::new()); 2]);
    for round in 1..=ROUNDS {
        for (level, concurrency) in levels.into_iter().enumerate() {
            let before = script_time(&mut raw).await?;
            let submitted = submit(&queue, jobs, concurrency, tenants).await?;
            let between = script_time(&mut raw).await?;
            let processed = process(&queue, jobs, concurrency).await?;
            let (each, done) =
                ((between - before) / jobs as f64, (script_time(&mut raw).await? - between) / jobs as f64);
            writeln!(
                out,
                "round {round}, {concurrency:3} callers: submit {submitted:7.0}/s ({each:3.0} µs of Redis), \
                 lease and end {processed:7.0}/s ({done:3.0} µs)"
            )?;
            rates[level].0.push(submitted);
            rates[level].1.push(processed);
            if let Some(script) = &script {
                let url = format!("{}/1", server.url());
                let output =
                    Command::new("node").args([script, &url, &jobs.to_string(), &concurrency.to_string()]).output()?;
                let line = String::from_utf8(output.stdout)?;
                let answer: serde_json::Value = serde_json::from_str(line.trim())?;
                writeln!(out, "round {round}, {concurrency:3} callers: other  {line}")?;
                others[level].0.push(answer["add"].as_f64().unwrap_or_default());
                others[level].1.push(answer["process"].as_f64().unwrap_or_default());
            }
        }
    }
    for (level, concurrency) in levels.into_iter().enumerate() {
        for (what, ours, other) in
            [("submit", &rates[level].0, &others[level].0), ("lease and end", &rates[level].1, &others[level].1)]
        {
            let (ours, other) = (median(ours), median(other));
            writeln!(
                out,
                "median, {concurrency:3} callers: {what:13} {ours:7.0}/s, other {other:7.0}/s, ratio {:.2}",
                ours / other
            )?;
        }
    }
    let (middle, late) = wake_up(&queue).await?;
    writeln!(out, "submit to a waiting worker: median {middle:.1?}, 99 % within {late:.1?}")?;
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Jobs a second.
async fn submit(queue: &Queue, jobs: usize, concurrency: usize, tenants: usize) -> Result<f64, Error> {
    let (start, left) = (Instant::now(), Arc::new(AtomicUsize::new(jobs)));
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
    Ok(jobs as f64 / start.elapsed().as_secs_f64())
}

/// Jobs a second, by one worker with as many slots as callers.
async fn process(queue: &Queue, jobs: usize, concurrency: usize) -> Result<f64, Error> {
    let worker = Arc::new(queue.worker(worker_info(), LeaseOptions::default()).await?);
    let start = Instant::now();
    let mut consumers = JoinSet::new();
    for _ in 0..concurrency {
        let worker = Arc::clone(&worker);
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
    Ok(jobs as f64 / start.elapsed().as_secs_f64())
}

/// The time from a submission until a waiting worker has the job: median, and 99th percentile.
async fn wake_up(queue: &Queue) -> Result<(Duration, Duration), Error> {
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
    Ok((delays[delays.len() / 2], delays[delays.len() * 99 / 100]))
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

fn worker_info() -> WorkerInfo {
    WorkerInfo { name: "bench".to_owned(), slots: 32, ..test_support::worker_info() }
}

//! What a job costs: memory in Redis, and round trips.

use crate::world::{LONG, World, job, key, result, take};
use domain::{BatchId, Class, Job, JobState, Progress};
use futures_util::future::join_all;
use queue::Submission;
use redis::aio::MultiplexedConnection;
use std::collections::HashMap;
use std::io::Write;
use std::time::Duration;

async fn used(raw: &mut MultiplexedConnection) -> u64 {
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(raw).await.unwrap();
    let mut pipeline = redis::pipe();
    for key in &keys {
        pipeline.cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0);
    }
    pipeline.query_async::<Vec<u64>>(raw).await.unwrap().iter().sum()
}

/// Bytes that each of many jobs of one tenant adds.
async fn bytes_each(submission: impl Fn(u64) -> Submission) -> u64 {
    const JOBS: u64 = 1000;
    let world = World::new().await;
    let mut raw = world.raw().await;
    world.queue.submit(&submission(0)).await.unwrap();
    let before = used(&mut raw).await;
    for n in 1..=JOBS {
        world.queue.submit(&submission(n)).await.unwrap();
    }
    (used(&mut raw).await - before) / JOBS
}

#[tokio::test]
async fn a_queued_job_takes_less_than_two_kilobytes() {
    let bare = bytes_each(|_| job().into()).await;
    // With fingerprint, digest and batch.
    let digest = |n: u64| {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&n.to_le_bytes());
        Some(digest)
    };
    let full = bytes_each(|n| {
        let job = Job { batch: Some(BatchId::new()), ..job() };
        Submission { fingerprint: digest(n), same_as: digest(n), ..job.into() }
    })
    .await;
    writeln!(std::io::stdout(), "{bare} bytes for each queued job, {full} with fingerprint, digest and batch").unwrap();
    assert!(bare < full && full < 2048, "{bare} and {full} bytes for each queued job");
}

#[tokio::test]
async fn a_finished_job_has_bounded_memory_and_a_time_to_live() {
    let world = World::new().await;
    let mut raw = world.raw().await;
    let worker = world.worker(LONG).await;
    let job = world.submit().await;
    let lease = take(&worker).await;
    for step in 1..=30 {
        lease.progress(&Progress::steps("denoise", step, 30)).await.unwrap();
    }
    lease.succeed(&result()).await.unwrap();
    let usage = async |raw: &mut MultiplexedConnection, name: &str| {
        let name = key(&format!("{name}:{}", job.id));
        let bytes: u64 =
            redis::cmd("MEMORY").arg("USAGE").arg(&name).arg("SAMPLES").arg(0).query_async(raw).await.unwrap();
        let ttl: u64 = redis::cmd("TTL").arg(&name).query_async(raw).await.unwrap();
        (bytes, ttl)
    };
    let (hash, hash_ttl) = usage(&mut raw, "job").await;
    let (events, events_ttl) = usage(&mut raw, "events").await;
    assert!(hash < 3072 && events < 12_288, "{hash} bytes, and {events} bytes of events");
    assert!((86_390..=86_400).contains(&hash_ttl) && (590..=600).contains(&events_ttl));
}

/// Calls of each command so far, as Redis counts them: also those that scripts make.
async fn calls(raw: &mut MultiplexedConnection) -> HashMap<String, u64> {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(raw).await.unwrap();
    let calls = |line: &str| {
        let (name, stats) = line.strip_prefix("cmdstat_")?.split_once(':')?;
        let (calls, _) = stats.strip_prefix("calls=")?.split_once(',')?;
        Some((name.to_owned(), calls.parse().unwrap()))
    };
    info.lines().filter_map(calls).collect()
}

/// Requests of kinds that scripts do not issue themselves. A call of a script counts as one.
async fn requests(raw: &mut MultiplexedConnection) -> u64 {
    let calls = calls(raw).await;
    ["evalsha", "bzpopmin", "ping", "script|load"].iter().filter_map(|name| calls.get(*name)).sum()
}

/// All commands that Redis executed while `work` ran, those in scripts included.
async fn commands(raw: &mut MultiplexedConnection, work: impl Future<Output = ()>) -> f64 {
    let sum = |calls: HashMap<String, u64>| calls.values().sum::<u64>();
    let before = sum(calls(raw).await);
    work.await;
    // The first INFO is part of the count.
    (sum(calls(raw).await) - before - 1) as f64
}

#[tokio::test]
async fn a_job_costs_few_commands() {
    const JOBS: usize = 200;
    for tenants in [1, 4] {
        let world = World::new().await;
        let (queue, mut raw) = (&world.queue, world.raw().await);
        let worker = world.worker(LONG).await;
        let submission = |n: usize| Job { owner: format!("tenant-{}", n % tenants), ..job() }.into();
        for n in 0..2 * tenants {
            queue.submit(&submission(n)).await.unwrap();
        }
        let submitting = async {
            for n in 0..JOBS {
                queue.submit(&submission(n)).await.unwrap();
            }
        };
        let each = commands(&mut raw, submitting).await / JOBS as f64;
        let processing = async {
            for _ in 0..JOBS {
                take(&worker).await.succeed(&result()).await.unwrap();
            }
        };
        let processed = commands(&mut raw, processing).await / JOBS as f64;
        let info = commands(&mut raw, async {}).await;
        let submitting = async {
            let all: Vec<_> = (0..JOBS).map(submission).collect();
            for submitted in join_all(all.iter().map(|one| queue.submit(one))).await {
                submitted.unwrap();
            }
        };
        let together = commands(&mut raw, submitting).await / JOBS as f64;
        let processing = async {
            let leases = worker.lease(JOBS, Duration::ZERO).await.unwrap();
            let result = result();
            join_all(leases.into_iter().map(|lease| lease.succeed(&result))).await.into_iter().for_each(Result::unwrap);
        };
        let processed_together = commands(&mut raw, processing).await / JOBS as f64;
        writeln!(
            std::io::stdout(),
            "{tenants} tenants: {each:.1} commands a submission, {processed:.1} for lease and end; \
             {together:.1} and {processed_together:.1} when concurrent; {info}"
        )
        .unwrap();
        // Announcements and sweeps of the worker are counted as well.
        let allowed = if tenants == 1 { 25.5 } else { 27.0 };
        assert!(each <= 13.0 && processed <= allowed, "{each} and {processed} commands");
        assert!(together <= 7.0 && processed_together <= 18.0, "{together} and {processed_together} commands");
    }
}

#[tokio::test]
async fn a_page_is_one_script_and_few_commands() {
    let world = World::new().await;
    let (queue, mut raw) = (&world.queue, world.raw().await);
    // Other tenants wait as well.
    for n in 0..30 {
        queue.submit(&Job { owner: format!("tenant-{n}"), ..job() }.into()).await.unwrap();
    }
    let batch = BatchId::new();
    let all: Vec<Submission> = (0..100).map(|_| Job { batch: Some(batch), ..job() }.into()).collect();
    queue.submit_batch(batch, &all).await.unwrap();
    let owner = job().owner;
    let list = async {
        let page = queue.jobs_of(&owner, Class::User, None, None, 100).await.unwrap();
        assert!(page.items.len() == 100 && page.items.iter().all(|entry| entry.position.position > 0));
    };
    let listed = commands(&mut raw, list).await;
    let read = async {
        assert_eq!(queue.batch(batch).await.unwrap().unwrap().members.len(), 100);
    };
    let read = commands(&mut raw, read).await;
    writeln!(std::io::stdout(), "{listed} commands for a page of 100 waiting jobs, {read} for a batch").unwrap();
    // For each job its hash and its rank; the rest is shared.
    assert!(listed <= 240.0 && read <= 240.0, "{listed} and {read} commands");
}

#[tokio::test]
async fn each_operation_is_one_round_trip() {
    let world = World::new().await;
    let mut raw = world.raw().await;
    let worker = world.worker(LONG).await;
    // The first time, scripts are loaded and connections made.
    for _ in 0..8 {
        world.submit().await;
        let lease = take(&worker).await;
        lease.renew().await.unwrap();
        lease.succeed(&result()).await.unwrap();
    }
    let mut counted = Vec::new();
    // The worker sweeps once a second by itself: the least of several runs is the operation's own.
    for _ in 0..20 {
        let mut run = Vec::new();
        let mut last = requests(&mut raw).await;
        let mut note = async |name: &'static str| {
            let now = requests(&mut raw).await;
            run.push((name, now - last));
            last = now;
        };
        let job = world.submit().await;
        note("submit").await;
        let lease = take(&worker).await;
        note("lease").await;
        lease.renew().await.unwrap();
        note("renew").await;
        lease.progress(&Progress::steps("denoise", 1, 2)).await.unwrap();
        note("progress").await;
        world.queue.position(job.id).await.unwrap();
        note("position").await;
        // Of a state that no job is in: the script reads what it lists with a command that is counted.
        let none = Some(JobState::Cancelled);
        world.queue.jobs_of(&job.owner, Class::User, none, None, 10).await.unwrap();
        note("list").await;
        lease.succeed(&result()).await.unwrap();
        note("succeed").await;
        assert!(worker.lease(1, Duration::from_millis(1)).await.unwrap().is_empty());
        note("lease nothing").await;
        counted.push(run);
    }
    let least = counted.into_iter().reduce(|a, b| a.into_iter().zip(b).map(|((n, x), (_, y))| (n, x.min(y))).collect());
    let expected = [
        ("submit", 1),
        ("lease", 1),
        ("renew", 1),
        ("progress", 1),
        ("position", 1),
        ("list", 1),
        ("succeed", 1),
        // To find out that there is nothing, to wait, and to look once more.
        ("lease nothing", 3),
    ];
    assert_eq!(least.unwrap(), expected);
}

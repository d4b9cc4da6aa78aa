//! Fair turns of tenants.

use crate::world::{LONG, World, jain, job, make_due, options, result};
use domain::{Class, Job, JobId};
use queue::{LeaseOptions, Queue, RedisOptions, Submission, SubmitOutcome, TenantBounds, Worker};
use std::collections::HashMap;
use std::time::Duration;

fn submission(class: Class, owner: &str, bounds: TenantBounds) -> Submission {
    let job = Job { id: JobId::new(), class, owner: owner.to_owned(), ..job() };
    Submission { bounds, ..job.into() }
}

async fn submit(queue: &Queue, class: Class, owner: &str, bounds: TenantBounds, jobs: usize) {
    let all: Vec<_> = (0..jobs).map(|_| submission(class, owner, bounds)).collect();
    for batch in all.chunks(queue::MAX_BATCH) {
        let submitted = queue.submit_batch(domain::BatchId::new(), batch).await.unwrap();
        assert!(submitted.iter().all(|submitted| submitted.outcome == SubmitOutcome::New));
    }
}

/// The owners of the next `n` jobs, in order; all are ended at once.
async fn turns(worker: &Worker, n: usize) -> Vec<String> {
    let mut owners = Vec::new();
    while owners.len() < n {
        let leases = worker.lease((n - owners.len()).min(50), Duration::ZERO).await.unwrap();
        assert!(!leases.is_empty(), "only {} turns of {n}", owners.len());
        for lease in leases {
            owners.push(lease.job().owner.clone());
            lease.succeed(&result()).await.unwrap();
        }
    }
    owners
}

fn counts(turns: &[String]) -> HashMap<&str, f64> {
    let mut counts = HashMap::new();
    turns.iter().for_each(|owner| *counts.entry(owner.as_str()).or_default() += 1.0);
    counts
}

#[tokio::test]
async fn five_tenants_get_equal_shares_whatever_their_backlogs() {
    let world = World::new().await;
    let queue = &Queue::connect(&RedisOptions { queue_max_depth: 0, ..options(&world.server.url()) }).await.unwrap();
    let tenants = [("a", 10_000), ("b", 10), ("c", 300), ("d", 100), ("e", 10)];
    for (owner, jobs) in tenants {
        submit(queue, Class::Agent, owner, TenantBounds::default(), jobs).await;
    }
    let worker = world.worker(LONG).await;
    let first = turns(&worker, 50).await;
    let index = jain(counts(&first).values().copied());
    assert!(index >= 0.95 && counts(&first).len() == 5, "{index}: {:?}", counts(&first));
    // Two tenants have no jobs left; the others share, and a new tenant does not wait for 10,000 jobs.
    submit(queue, Class::Agent, "late", TenantBounds::default(), 10).await;
    let next = turns(&worker, 40).await;
    let index = jain(counts(&next).values().copied());
    assert!(index >= 0.95 && counts(&next).len() == 4, "{index}: {:?}", counts(&next));
    assert_eq!(counts(&next)["late"], 10.0);
}

#[tokio::test]
async fn turns_are_proportional_to_weights() {
    let world = World::new().await;
    for (owner, weight) in [("one", 1.0), ("two", 2.0), ("four", 4.0)] {
        let bounds = TenantBounds { weight, ..TenantBounds::default() };
        submit(&world.queue, Class::User, owner, bounds, 200).await;
    }
    let turns = turns(&world.worker(LONG).await, 210).await;
    let counts = counts(&turns);
    for (owner, share) in [("one", 30.0), ("two", 60.0), ("four", 120.0)] {
        assert!((counts[owner] - share).abs() <= 2.0, "{counts:?}");
    }
}

#[tokio::test]
async fn agents_go_first_and_users_are_not_starved() {
    let world = World::new().await;
    let queue = &world.queue;
    submit(queue, Class::User, "user", TenantBounds::default(), 20).await;
    submit(queue, Class::Agent, "agent", TenantBounds::default(), 100).await;
    let worker = world.worker(LONG).await;
    let first = turns(&worker, 100).await;
    for (n, five) in first.chunks(5).enumerate() {
        assert_eq!(counts(five), HashMap::from([("agent", 4.0), ("user", 1.0)]), "turns from {}", n * 5);
        assert_eq!(five[4], "user", "agents first");
    }
    assert_eq!(counts(&turns(&worker, 20).await), HashMap::from([("agent", 20.0)]));
    // Without waiting agents, users get all turns.
    submit(queue, Class::User, "user", TenantBounds::default(), 7).await;
    assert_eq!(counts(&turns(&worker, 7).await), HashMap::from([("user", 7.0)]));
}

#[tokio::test]
async fn max_running_bounds_a_tenant_and_only_dispatches_are_charged() {
    let world = World::new().await;
    let queue = &world.queue;
    let bounds = TenantBounds { max_running: 2, ..TenantBounds::default() };
    submit(queue, Class::Agent, "few", bounds, 8).await;
    submit(queue, Class::Agent, "many", TenantBounds::default(), 5).await;
    let worker = world.worker(LONG).await;
    let mut leases = worker.lease(6, Duration::ZERO).await.unwrap();
    let owners: Vec<String> = leases.iter().map(|lease| lease.job().owner.clone()).collect();
    assert_eq!(owners, ["few", "many", "few", "many", "many", "many"]);
    assert_eq!(worker.lease(9, Duration::ZERO).await.unwrap().len(), 1, "one job of the other tenant is left");
    assert!(worker.lease(9, Duration::ZERO).await.unwrap().is_empty(), "six jobs wait behind the bound");

    // A waiting worker is woken when a tenant falls below its bound, rather than at the next tick. The machine may be busy
    // once, hardly four times.
    let mut running = vec![leases.remove(2), leases.remove(0)];
    let mut delays = Vec::new();
    for _ in 0..4 {
        let ended = running.pop().unwrap();
        let waiting = worker.lease(9, Duration::from_secs(10));
        let ending = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            ended.succeed(&result()).await.unwrap();
            std::time::Instant::now()
        };
        let (taken, ended) = tokio::join!(waiting, ending);
        delays.push(ended.elapsed());
        let taken = taken.unwrap();
        assert_eq!(taken.len(), 1);
        running.extend(taken);
    }
    assert!(delays.iter().min().unwrap() < &Duration::from_millis(500), "{delays:?}");

    // A requeued job goes first, but the bound applies to it as well.
    running.remove(0).release().await.unwrap();
    assert_eq!(worker.lease(9, Duration::ZERO).await.unwrap().len(), 1);
    let usage = queue.usage("few", Class::Agent).await.unwrap();
    assert_eq!((usage.queued, usage.running), (2, 2));
}

#[tokio::test]
async fn requeued_jobs_go_first() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    submit(queue, Class::User, "user", TenantBounds::default(), 1).await;
    let lease = worker.lease(1, Duration::ZERO).await.unwrap().pop().unwrap();
    submit(queue, Class::Agent, "agent", TenantBounds::default(), 3).await;
    submit(queue, Class::User, "another", TenantBounds::default(), 3).await;
    let id = lease.job().id;
    make_due(&mut world.raw().await, "leases", id).await;
    queue.sweep().await.unwrap();
    assert_eq!(queue.position(id).await.unwrap().unwrap().position, 1);
    assert_eq!(turns(&worker, 2).await, ["user", "agent"]);
}

#[tokio::test]
async fn test_jobs_are_for_test_workers_only() {
    let world = World::new().await;
    let queue = &world.queue;
    let (worker, tester) =
        (world.worker(LONG).await, queue.test_worker("tests", LeaseOptions::default()).await.unwrap());
    let waiting = tester.lease(1, Duration::from_secs(10));
    let submitting = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        submit(queue, Class::Test, "agent", TenantBounds::default(), 1).await;
        submit(queue, Class::Agent, "agent", TenantBounds::default(), 1).await;
    };
    let (tests, ()) = tokio::join!(waiting, submitting);
    let tests = tests.unwrap();
    assert_eq!(tests.iter().map(|lease| lease.job().class).collect::<Vec<_>>(), [Class::Test]);
    assert!(tester.lease(9, Duration::ZERO).await.unwrap().is_empty());
    let made = worker.lease(9, Duration::ZERO).await.unwrap();
    assert_eq!(made.iter().map(|lease| lease.job().class).collect::<Vec<_>>(), [Class::Agent]);
}

#[tokio::test]
async fn positions_predict_the_order() {
    let world = World::new().await;
    let bounds = RedisOptions { users_share: 3, ..options(&world.server.url()) };
    let queue = Queue::connect(&bounds).await.unwrap();
    let mut jobs = Vec::new();
    for round in 0..12 {
        for (class, owner, weight) in
            [(Class::Agent, "a", 1.0), (Class::Agent, "b", 3.0), (Class::User, "a", 1.0), (Class::User, "c", 1.0)]
        {
            if round % 3 == 0 || owner != "a" {
                let submission = submission(class, owner, TenantBounds { weight, ..TenantBounds::default() });
                queue.submit(&submission).await.unwrap();
                jobs.push(submission.job.id);
            }
        }
    }
    let mut foretold = HashMap::new();
    for id in &jobs {
        foretold.insert(*id, queue.position(*id).await.unwrap().unwrap().position as i64);
    }
    let worker = queue.worker(crate::world::worker_info(), LeaseOptions::default()).await.unwrap();
    let leases = worker.lease(jobs.len(), Duration::ZERO).await.unwrap();
    assert_eq!(leases.len(), jobs.len());
    for (at, lease) in leases.iter().enumerate() {
        let off = foretold[&lease.job().id] - (at as i64 + 1);
        assert!(off.abs() <= 3, "{} at {}, off by {off}", lease.job().owner, at + 1);
    }
}

//! Jobs and workers of different capabilities.

use crate::world::{LONG, World, jain, job, key, result, take, worker_info};
use domain::{BatchId, Capability, Class, Job, JobId, LEVEL, Needs, WorkerInfo};
use queue::{LeaseOptions, Submission, Worker};
use redis::AsyncCommands;
use std::collections::HashMap;
use std::time::{Duration, Instant};

fn can(model: &str, is_default_model: bool, max_grid: u32) -> Capability {
    let multi_view = false;
    Capability {
        kind: "image_to_mesh".to_owned(),
        level: LEVEL,
        model: model.to_owned(),
        is_default_model,
        multi_view,
        max_grid,
    }
}

fn needs(model: Option<&str>, grid: u32) -> Needs {
    Needs { model: model.map(str::to_owned), grid, ..job().spec.needs(0) }
}

fn with(needs: Needs) -> Submission {
    Submission { needs, ..job().into() }
}

async fn worker(world: &World, slots: u32, capabilities: Vec<Capability>) -> Worker {
    let info = WorkerInfo { slots, capabilities, ..worker_info() };
    world.queue.worker(info, LeaseOptions { lease: LONG, max_attempts: 3 }).await.unwrap()
}

#[tokio::test]
async fn a_worker_gets_only_jobs_that_it_covers() {
    let world = World::new().await;
    let small = worker(&world, 1, vec![can("a", true, 64)]).await;
    let other = worker(&world, 1, vec![can("b", false, 512)]).await;
    let texture = worker(&world, 1, vec![Capability { kind: "texture".to_owned(), ..can("a", true, 512) }]).await;
    let old = worker(&world, 1, vec![Capability { level: 0, ..can("a", true, 512) }]).await;
    let wanted = [
        (needs(None, 64), "small"),
        (needs(None, 65), "none"),
        (needs(Some("a"), 32), "small"),
        (needs(Some("b"), 400), "other"),
        (Needs { multi_view: true, ..needs(None, 32) }, "none"),
        (Needs { level: LEVEL + 1, ..needs(None, 32) }, "none"),
        (Needs { kind: "texture".to_owned(), ..needs(None, 64) }, "texture"),
    ];
    let mut expected: HashMap<&str, Vec<JobId>> = HashMap::new();
    for (needs, taker) in wanted {
        let submission = with(needs);
        expected.entry(taker).or_default().push(submission.job.id);
        let submitted = world.queue.submit(&submission).await.unwrap();
        assert_eq!(submitted.position.no_worker, taker == "none", "{:?}", submission.needs);
        let position = world.queue.position(submission.job.id).await.unwrap().unwrap();
        assert_eq!((position.no_worker, position.position), (taker == "none", 1));
    }
    for (name, worker) in [("small", &small), ("other", &other), ("texture", &texture), ("old", &old)] {
        let mut leased: Vec<JobId> =
            worker.lease(9, Duration::ZERO).await.unwrap().iter().map(|lease| lease.job().id).collect();
        leased.sort();
        assert_eq!(leased, expected.remove(name).unwrap_or_default(), "{name}");
    }
    assert_eq!(world.queue.depth().await.unwrap().queued, 3);
}

#[tokio::test]
async fn the_coverage_rules_of_lua_and_rust_agree() {
    let world = World::new().await;
    let mut disagreements = Vec::new();
    for (level, model, is_default_model, multi_view, max_grid) in [
        (1, "a", true, false, 300),
        (1, "a", false, true, 64),
        (2, "x.y-1", true, true, 512),
        (0, "a", true, true, 512),
        (1, "a_1_n_64", false, false, 31),
    ] {
        let capability = Capability { level, multi_view, ..can(model, is_default_model, max_grid) };
        let worker = worker(&world, 1, vec![capability.clone()]).await;
        for asked in [None, Some("a"), Some("x.y-1"), Some("a_1_n_64")] {
            for (level, multi_view, grid) in
                [(1, false, 0), (1, true, 64), (2, false, 32), (1, false, 288), (1, false, 289), (u32::MAX, false, 0)]
            {
                let needs = Needs { level, multi_view, ..needs(asked, grid) };
                let submission = with(needs.clone());
                world.queue.submit(&submission).await.unwrap();
                let leased = worker.lease(9, Duration::ZERO).await.unwrap().len() == 1;
                if leased != capability.covers(&needs) {
                    disagreements.push((capability.clone(), needs));
                }
                world.queue.cancel(submission.job.id).await.unwrap();
                for lease in worker.lease(9, Duration::ZERO).await.unwrap() {
                    lease.cancelled().await.unwrap();
                }
            }
        }
    }
    assert_eq!(disagreements, []);
}

#[tokio::test]
async fn a_lane_without_worker_is_reported_and_its_jobs_run_when_one_starts() {
    let world = World::new().await;
    let queue = &world.queue;
    let submission = with(needs(Some("b"), 64));
    let submitted = queue.submit(&submission).await.unwrap();
    assert!(submitted.position.no_worker && submitted.position.eta.is_none());
    // The worker of another lane changes nothing, and does not hide the age of the lane.
    let other = worker(&world, 4, vec![can("a", true, 512)]).await;
    queue.submit(&job().into()).await.unwrap();
    take(&other).await.succeed(&result()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let lanes = queue.lanes().await.unwrap();
    assert_eq!(lanes.len(), 1, "{lanes:?}");
    let lane = &lanes[0];
    assert_eq!((lane.lane.as_str(), lane.class, lane.queued), (needs(Some("b"), 64).lane().as_str(), Class::User, 1));
    assert!(!lane.has_worker && lane.slots == 0 && lane.waiting_for >= Duration::from_secs(1), "{lane:?}");

    let waiting = worker(&world, 2, vec![can("b", false, 64), can("a", true, 64)]).await;
    assert_eq!(queue.lanes().await.unwrap()[0].slots, 2);
    assert!(!queue.position(submission.job.id).await.unwrap().unwrap().no_worker);
    assert_eq!(take(&waiting).await.job().id, submission.job.id);
    assert_eq!(queue.lanes().await.unwrap(), []);
}

#[tokio::test]
async fn a_waiting_worker_that_covers_a_job_wakes_for_it() {
    let world = World::new().await;
    let a = worker(&world, 1, vec![can("a", true, 64)]).await;
    let b = worker(&world, 1, vec![can("b", false, 64)]).await;
    let mut delays = Vec::new();
    for round in 0..10 {
        // The grid alternates, so that the lane differs from the one of the last lease.
        let submission = with(needs(Some("b"), 1 + 32 * (round % 2)));
        let submitting = async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            world.queue.submit(&submission).await.unwrap();
            Instant::now()
        };
        let idle = tokio::time::timeout(Duration::from_millis(300), a.lease(1, LONG));
        let waiting = async {
            let leases = b.lease(1, Duration::from_secs(10)).await.unwrap();
            (leases, Instant::now())
        };
        let (submitted, (leases, leased), idle) = tokio::join!(submitting, waiting, idle);
        assert_eq!(leases[0].job().id, submission.job.id);
        assert!(idle.is_err(), "the other worker has nothing to do");
        delays.push(leased.saturating_duration_since(submitted));
        for lease in leases {
            lease.succeed(&result()).await.unwrap();
        }
    }
    delays.sort();
    // Polling once a second would take half a second on average.
    assert!(delays[5] < Duration::from_millis(200), "{delays:?}");
}

#[tokio::test]
async fn one_job_wakes_one_worker_and_several_wake_several() {
    const WORKERS: usize = 8;
    let world = World::new().await;
    let mut raw = world.raw().await;
    let mut tasks = Vec::new();
    for _ in 0..WORKERS {
        let worker = worker(&world, 1, vec![can("a", true, 64)]).await;
        tasks.push(tokio::spawn(async move {
            let lease = worker.lease(1, Duration::from_secs(20)).await.unwrap().pop().unwrap();
            let at = Instant::now();
            lease.succeed(&result()).await.unwrap();
            at
        }));
    }
    let waiting = async |raw: &mut redis::aio::MultiplexedConnection| {
        let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(raw).await.unwrap();
        clients.lines().filter(|line| line.contains("cmd=bzpopmin")).count()
    };
    test_support::wait_until("all workers to wait", Duration::from_secs(20), async || {
        waiting(&mut raw).await == WORKERS
    })
    .await;
    let submissions: Vec<_> = (0..WORKERS).map(|_| with(needs(None, 64))).collect();
    world.queue.submit_batch(BatchId::new(), &submissions).await.unwrap();
    let start = Instant::now();
    let mut last = start;
    for task in tasks {
        last = last.max(task.await.unwrap());
    }
    // Each worker wakes the next one without waiting for the tick.
    assert!(last - start < Duration::from_millis(700), "{:?}", last - start);
}

#[tokio::test]
async fn turns_are_fair_in_a_mixed_fleet() {
    const JOBS: usize = 1000;
    let world = World::new().await;
    let queue = &world.queue;
    // A small worker, a large one, one for another model, and one for another kind of job only.
    let workers = [
        worker(&world, 1, vec![can("a", true, 64)]).await,
        worker(&world, 1, vec![can("a", true, 512)]).await,
        worker(&world, 1, vec![can("b", false, 512), can("a", true, 64)]).await,
        worker(&world, 1, vec![Capability { kind: "texture".to_owned(), ..can("a", true, 64) }]).await,
    ];
    let lanes = [
        needs(None, 64),
        needs(None, 512),
        needs(Some("b"), 64),
        Needs { kind: "texture".to_owned(), ..needs(None, 64) },
    ];
    // Each tenant has jobs in several lanes, one of them in all; one has ten times as many as the others.
    let tenants: [(&str, &[usize], usize); 5] = [
        ("one", &[0, 1, 2, 3], JOBS / 2),
        ("two", &[0, 1], JOBS / 8),
        ("three", &[0, 2], JOBS / 8),
        ("four", &[0, 1, 2], JOBS / 8),
        ("five", &[0], JOBS / 8),
    ];
    let mut kinds = HashMap::new();
    for (owner, own, jobs) in tenants {
        for chunk in (0..jobs).collect::<Vec<_>>().chunks(100) {
            let submission = |n: &usize| {
                let needs = lanes[own[n % own.len()]].clone();
                Submission { needs, ..Job { owner: owner.to_owned(), ..job() }.into() }
            };
            let all: Vec<Submission> = chunk.iter().map(submission).collect();
            kinds.extend(all.iter().map(|one| (one.job.id, one.needs.clone())));
            queue.submit_batch(BatchId::new(), &all).await.unwrap();
        }
    }
    let info = queue.workers().await.unwrap();
    let (mut served, mut done) = (HashMap::<String, f64>::new(), 0);
    let mut index = Vec::new();
    while done < JOBS {
        let mut leased = 0;
        for worker in &workers {
            let can = &info.iter().find(|info| info.name == worker.name()).unwrap().capabilities;
            for lease in worker.lease(1, Duration::ZERO).await.unwrap() {
                let needs = &kinds[&lease.job().id];
                assert!(can.iter().any(|one| one.covers(needs)), "{} was leased {needs:?}", worker.name());
                assert_eq!(lease.attempt(), 1);
                *served.entry(lease.job().owner.clone()).or_default() += 1.0;
                lease.succeed(&result()).await.unwrap();
                leased += 1;
            }
        }
        done += leased;
        assert!(leased > 0, "{done} of {JOBS} jobs are done, and no worker gets another");
        // As long as all tenants have jobs waiting.
        if (100..=300).contains(&done) && served.len() == tenants.len() {
            index.push(jain(served.values().copied()));
        }
    }
    let worst = index.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(index.len() > 20 && worst >= 0.95, "{worst}: {served:?}");
    assert_eq!(queue.counters().await.unwrap().succeeded, JOBS as u64);
}

#[tokio::test]
async fn a_bound_of_running_jobs_holds_across_lanes() {
    let world = World::new().await;
    let bounds = queue::TenantBounds { max_running: 2, ..queue::TenantBounds::default() };
    for grid in [64, 128, 256, 512] {
        world.queue.submit(&Submission { bounds, ..with(needs(None, grid)) }).await.unwrap();
    }
    let large = worker(&world, 4, vec![can("a", true, 512)]).await;
    let mut running = large.lease(9, Duration::ZERO).await.unwrap();
    assert_eq!(running.len(), 2);
    assert!(large.lease(9, Duration::ZERO).await.unwrap().is_empty());
    running.pop().unwrap().succeed(&result()).await.unwrap();
    assert_eq!(large.lease(9, Duration::ZERO).await.unwrap().len(), 1);
    let mut raw = world.raw().await;
    let lanes: String = raw.hget(key("numbers"), "lanes").await.unwrap();
    assert_eq!(lanes, "", "no lane has a turn while the bound is reached");
}

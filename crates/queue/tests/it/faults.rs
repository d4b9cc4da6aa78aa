//! Failures of workers, connections and Redis.

use crate::world::{LONG, SHORT, World, job, key, make_due, options, result, take};
use domain::{JobState, Progress};
use futures_util::StreamExt;
use queue::{Depth, Error, LeaseOptions, Queue, Renewal};
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use test_support::{ChaosProxy, RedisServer, ServiceProcess, wait_until};

const SECONDS: Duration = Duration::from_secs(20);

/// A worker in a process of its own: this test binary, running [`take_one`] alone.
fn victim(world: &World, lease: Duration) -> ServiceProcess {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--nocapture", "--exact", "faults::take_one"]);
    ServiceProcess::spawn(command.args([&world.server.url(), &lease.as_millis().to_string()]))
}

/// Leases one job and holds it until the process is killed.
#[tokio::test]
#[ignore = "a process that `cargo test -p queue --test it faults` starts and kills"]
async fn take_one() {
    let arguments: Vec<String> = std::env::args().collect();
    let Some([url, lease]) = arguments.last_chunk().filter(|[url, _]| url.starts_with("redis://")) else { return };
    let lease = Duration::from_millis(lease.parse().unwrap());
    let queue = Queue::connect(&options(url)).await.unwrap();
    let worker = queue.worker(crate::world::worker_info(), LeaseOptions { lease, max_attempts: 3 }).await.unwrap();
    let held = worker.lease(1, SECONDS).await.unwrap().pop().unwrap();
    held.progress(&Progress::steps("denoise", 1, 2)).await.unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "holds {} attempt {}", held.job().id, held.attempt()).unwrap();
    let error = loop {
        tokio::time::sleep(lease / 3).await;
        if let Err(error) = held.renew().await {
            break error;
        }
    };
    writeln!(out, "refused: {error}").unwrap();
}

#[tokio::test]
async fn the_job_of_a_killed_worker_is_finished_by_another_once() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let job = world.submit().await;
    let victim = victim(&world, Duration::from_secs(3));
    victim.wait_for_line(&format!("holds {} attempt 1", job.id), SECONDS).await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(worker.lease(1, Duration::ZERO).await.unwrap().is_empty(), "the lease is renewed");

    victim.kill_9();
    let start = Instant::now();
    let lease = worker.lease(1, SECONDS).await.unwrap().pop().unwrap();
    // A lease and a tick take four seconds; the rest allows for a loaded machine.
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    assert_eq!((lease.job().id, lease.attempt()), (job.id, 2));
    lease.succeed(&result()).await.unwrap();
    assert!(worker.lease(1, Duration::from_millis(1500)).await.unwrap().is_empty());
    assert_eq!(world.queue.counters().await.unwrap().succeeded, 1);
}

#[tokio::test]
async fn a_suspended_worker_is_refused_when_it_resumes() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let job = world.submit().await;
    let victim = victim(&world, SHORT);
    victim.wait_for_line("holds ", SECONDS).await;
    victim.pause();
    let lease = worker.lease(1, SECONDS).await.unwrap().pop().unwrap();
    victim.resume();
    let refused = victim.wait_for_line("refused", SECONDS).await;
    assert!(refused.contains(&format!("attempt 1 no longer holds job {}", job.id)), "{refused}");
    assert_eq!(world.queue.counters().await.unwrap().fenced, 1);
    assert_eq!(lease.renew().await.unwrap(), Renewal::Held);
    lease.succeed(&result()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_job_is_lost_when_redis_is_killed_under_load() {
    let world = Arc::new(World::on(RedisServer::start_durable()).await);
    let stop = Arc::new(AtomicBool::new(false));
    let producer = tokio::spawn({
        let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
        async move {
            let mut accepted = Vec::new();
            while !stop.load(Ordering::Relaxed) || accepted.len() < 60 {
                let job = job();
                // A client whose submission was not acknowledged sends it again.
                while let Err(error) = world.queue.submit(&job.clone().into()).await {
                    assert!(error.is_retryable(), "{error:?}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                accepted.push(job.id);
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            accepted
        }
    });
    let consumer = tokio::spawn({
        let world = Arc::clone(&world);
        async move {
            let worker = world.worker(Duration::from_secs(5)).await;
            let mut done = 0;
            loop {
                let leases = worker.lease(4, Duration::from_secs(8)).await.unwrap();
                if leases.is_empty() {
                    return done;
                }
                for lease in leases {
                    lease.succeed(&result()).await.unwrap();
                    done += 1;
                }
            }
        }
    });
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.server.kill();
        assert!(matches!(world.queue.depth().await, Err(Error::Unavailable(_))));
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.server.restart();
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    stop.store(true, Ordering::Relaxed);
    let accepted = producer.await.unwrap();
    consumer.await.unwrap();
    for id in &accepted {
        let record = world.queue.record(*id).await.unwrap().expect("an acknowledged job is there");
        assert_eq!(record.state, JobState::Succeeded);
    }
    // Exactly once: a job that had succeeded did not run again.
    assert_eq!(world.queue.counters().await.unwrap().succeeded, accepted.len() as u64);
    assert_eq!(world.queue.depth().await.unwrap(), Depth::default());
}

#[tokio::test]
async fn waiting_workers_and_watchers_outlast_a_restart() {
    let world = World::on(RedisServer::start_durable()).await;
    let worker = world.worker(LONG).await;
    let first = world.submit().await;
    let lease = take(&worker).await;
    let watcher = tokio::spawn(world.queue.watch(first.id, None).map(|item| item.unwrap().1.state).collect::<Vec<_>>());
    let waiter = tokio::spawn(async move { worker.lease(1, SECONDS).await.unwrap().len() });
    tokio::time::sleep(Duration::from_millis(200)).await;
    world.server.kill();
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.server.restart();
    lease.succeed(&result()).await.unwrap();
    world.submit().await;
    assert_eq!(waiter.await.unwrap(), 1);
    let states = tokio::time::timeout(SECONDS, watcher).await.unwrap().unwrap();
    assert_eq!(states, [JobState::Queued, JobState::Running, JobState::Succeeded]);
}

#[tokio::test]
async fn a_broken_or_stalled_connection_is_a_typed_error_and_recovers() {
    let server = RedisServer::start();
    let proxy = ChaosProxy::start(server.address()).await;
    let queue = Queue::connect(&options(&proxy.redis_url())).await.unwrap();
    let worker = queue.worker(crate::world::worker_info(), LeaseOptions::default()).await.unwrap();

    proxy.cut();
    assert!(matches!(queue.submit(&job().into()).await, Err(Error::Unavailable(_))));
    let start = Instant::now();
    let wait = Duration::from_millis(400);
    assert!(matches!(worker.lease(1, wait).await, Err(Error::Unavailable(_))));
    assert!(start.elapsed() >= wait, "it retries until the wait is over");
    assert!(matches!(Queue::connect(&options(&proxy.redis_url())).await, Err(Error::Unavailable(_))));

    proxy.heal();
    queue.submit(&job().into()).await.unwrap();
    proxy.stall();
    let start = Instant::now();
    assert!(matches!(queue.ping().await, Err(Error::Unavailable(_))));
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    proxy.heal();
    wait_until("Redis to answer", SECONDS, async || queue.ping().await.is_ok()).await;
    assert_eq!(worker.lease(9, SECONDS).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_is_repeated_without_effect() {
    // The first `end` arrives but its answer is lost: the repeated call finds its token and changes nothing.
    let server = RedisServer::start();
    let proxy = ChaosProxy::start(server.address()).await;
    let queue = Queue::connect(&options(&proxy.redis_url())).await.unwrap();
    let world = World::on(server).await;
    let worker = queue.worker(crate::world::worker_info(), LeaseOptions::default()).await.unwrap();
    let job = world.submit().await;
    let lease = take(&worker).await;
    proxy.delay(Duration::from_millis(300));
    let outcome = result();
    let (delivered, ()) = tokio::join!(lease.succeed(&outcome), async {
        // The call reaches Redis after 300 ms, and the answer takes another 300 ms.
        wait_until("Redis to know", SECONDS, async || {
            world.queue.record(job.id).await.unwrap().unwrap().state == JobState::Succeeded
        })
        .await;
        proxy.cut();
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.heal();
    });
    delivered.unwrap();
    let counters = world.queue.counters().await.unwrap();
    assert_eq!((counters.succeeded, counters.fenced), (1, 0));
}

#[tokio::test]
async fn jobs_whose_lease_answer_was_lost_are_leased_again() {
    let server = RedisServer::start();
    let proxy = ChaosProxy::start(server.address()).await;
    let queue = Queue::connect(&options(&proxy.redis_url())).await.unwrap();
    let world = World::on(server).await;
    let worker =
        queue.worker(crate::world::worker_info(), LeaseOptions { lease: LONG, max_attempts: 3 }).await.unwrap();
    let jobs = [world.submit().await.id, world.submit().await.id];
    world.submit().await;
    proxy.delay(Duration::from_millis(300));
    let (leases, ()) = tokio::join!(worker.lease(2, SECONDS), async {
        wait_until("Redis to hand them over", SECONDS, async || world.queue.depth().await.unwrap().running == 2).await;
        proxy.cut();
        tokio::time::sleep(Duration::from_millis(100)).await;
        proxy.heal();
    });
    let leases = leases.unwrap();
    assert_eq!(
        leases.iter().map(|lease| (lease.job().id, lease.attempt())).collect::<Vec<_>>(),
        jobs.map(|id| (id, 1))
    );
    for lease in leases {
        lease.succeed(&result()).await.unwrap();
    }
    assert_eq!(worker.lease(9, SECONDS).await.unwrap().len(), 1, "the next call leases another job");
}

#[tokio::test]
async fn a_caller_that_stops_waiting_leaves_no_lease_behind() {
    let server = RedisServer::start();
    let proxy = ChaosProxy::start(server.address()).await;
    let queue = Queue::connect(&options(&proxy.redis_url())).await.unwrap();
    let worker =
        queue.worker(crate::world::worker_info(), LeaseOptions { lease: LONG, max_attempts: 3 }).await.unwrap();
    let world = World::on(server).await;
    world.submit().await;
    proxy.delay(Duration::from_millis(800));
    // Redis leases the job after 800 ms; the future has been dropped when the answer arrives.
    let impatient = tokio::time::timeout(Duration::from_millis(1000), worker.lease(1, SECONDS)).await;
    assert!(impatient.is_err());
    wait_until("the job to be handed back", SECONDS, async || {
        world.queue.depth().await.unwrap() == Depth { queued: 1, running: 0, dead: 0 }
    })
    .await;
    proxy.heal();
    assert_eq!(worker.lease(1, SECONDS).await.unwrap()[0].attempt(), 1);
}

#[tokio::test]
async fn repeated_short_lease_calls_get_the_job_and_leak_no_connections() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    for _ in 0..100 {
        let impatient = tokio::time::timeout(Duration::from_millis(5), worker.lease(1, SECONDS)).await;
        assert!(impatient.is_err());
    }
    let start = Instant::now();
    world.submit().await;
    assert_eq!(worker.lease(1, SECONDS).await.unwrap().len(), 1);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    let mut raw = world.raw().await;
    wait_until("abandoned connections to be closed", SECONDS, async || {
        let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut raw).await.unwrap();
        clients.lines().count() <= 7
    })
    .await;
}

#[tokio::test]
async fn out_of_memory_refuses_submissions_and_lets_jobs_end() {
    let world = World::on(RedisServer::start_with(&["--maxmemory-policy", "noeviction"])).await;
    let worker = world.worker(LONG).await;
    let job = world.submit().await;
    let mut raw = world.raw().await;
    let mut limit = async |bytes: &str| {
        redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(bytes).query_async::<()>(&mut raw).await.unwrap();
    };
    limit("1").await;
    let refused = crate::world::job();
    let error = world.queue.submit(&refused.clone().into()).await.unwrap_err();
    assert!(matches!(error, Error::Memory(_)) && error.is_retryable(), "{error:?}");
    assert!(world.queue.record(refused.id).await.unwrap().is_none(), "nothing half-written");
    take(&worker).await.succeed(&result()).await.unwrap();
    assert_eq!(world.queue.record(job.id).await.unwrap().unwrap().state, JobState::Succeeded);
    limit("0").await;
    world.queue.submit(&refused.clone().into()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_password_is_not_retried() {
    let server = RedisServer::start_with(&["--requirepass", "s3cret"]);
    let with = |password: &str| options(&server.url().replace("redis://", &format!("redis://:{password}@")));
    Queue::connect(&with("s3cret")).await.unwrap().ping().await.unwrap();
    let error = Queue::connect(&with("hunter2")).await.unwrap_err();
    assert!(matches!(error, Error::Redis(_)) && !error.is_retryable(), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("hunter2"));
}

#[tokio::test]
async fn many_expired_leases_do_not_delay_new_leases() {
    let world = World::new().await;
    let (doomed, worker, mut raw) = (world.worker(LONG).await, world.worker(LONG).await, world.raw().await);
    for _ in 0..350 {
        world.submit().await;
    }
    let leases = doomed.lease(350, Duration::ZERO).await.unwrap();
    assert_eq!(leases.len(), 350);
    for lease in &leases {
        make_due(&mut raw, "leases", lease.job().id).await;
    }
    // Each call reclaims a bounded number of leases and then leases a job.
    assert_eq!(worker.lease(1, Duration::ZERO).await.unwrap().len(), 1);
    let running: u64 = redis::cmd("ZCARD").arg(key("leases")).query_async(&mut raw).await.unwrap();
    assert!(running > 0, "{running}");
    wait_until("all to be taken back", SECONDS, async || {
        world.queue.depth().await.unwrap() == Depth { queued: 349, running: 1, dead: 0 }
    })
    .await;
}

#[tokio::test]
async fn a_job_whose_hash_was_removed_does_not_block_others() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let (gone, there) = (world.submit().await, world.submit().await);
    let mut raw = world.raw().await;
    redis::cmd("DEL").arg(key(&format!("job:{}", gone.id))).query_async::<()>(&mut raw).await.unwrap();
    assert_eq!(take(&worker).await.job().id, there.id);
    assert_eq!(world.queue.depth().await.unwrap(), Depth { queued: 0, running: 1, dead: 0 });
}

#[tokio::test]
async fn a_worker_lost_before_any_progress_costs_no_attempt() {
    let world = World::new().await;
    let (slow, other, mut raw) = (world.worker(LONG).await, world.worker(LONG).await, world.raw().await);
    let (begun, waiting) = (world.submit().await, world.submit().await);
    let leases = slow.lease(2, Duration::ZERO).await.unwrap();
    leases[0].progress(&Progress::steps("denoise", 1, 2)).await.unwrap();
    for lease in &leases {
        make_due(&mut raw, "leases", lease.job().id).await;
    }
    let mut attempts = Vec::new();
    while attempts.len() < 2 {
        let taken = other.lease(2, SECONDS).await.unwrap();
        attempts.extend(taken.iter().map(|lease| (lease.job().id, lease.attempt())));
    }
    attempts.sort();
    assert_eq!(attempts, [(begun.id, 2), (waiting.id, 1)]);
    // A job that kills its workers before any progress becomes a dead letter after ten spared leases.
    for attempt in std::iter::repeat_n(1, 9).chain([2, 3]) {
        make_due(&mut raw, "leases", waiting.id).await;
        let taken = other.lease(1, SECONDS).await.unwrap();
        assert_eq!((taken[0].job().id, taken[0].attempt()), (waiting.id, attempt));
    }
    make_due(&mut raw, "leases", waiting.id).await;
    world.queue.sweep().await.unwrap();
    assert_eq!(world.queue.record(waiting.id).await.unwrap().unwrap().state, JobState::Failed);
}

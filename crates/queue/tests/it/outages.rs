//! Outages of Redis, failover, and lost writes.

use crate::world::{LONG, World, job, options, result, take, worker_info};
use domain::{JobState, Progress};
use queue::{Error, LeaseOptions, Queue, Renewal};
use redis::aio::MultiplexedConnection;
use std::time::{Duration, Instant};
use test_support::{ChaosProxy, RedisServer, wait_until};

/// Shorter than every outage of these tests.
const LEASE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(30);

async fn pause(raw: &mut MultiplexedConnection, for_ms: u64) {
    redis::cmd("CLIENT").arg("PAUSE").arg(for_ms).arg("ALL").query_async::<()>(raw).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_outage_costs_an_attempt() {
    for kind in ["killed", "stopped", "paused"] {
        let world = World::on(RedisServer::start_durable()).await;
        let worker = world.queue.worker(worker_info(), LeaseOptions { lease: LEASE, max_attempts: 1 }).await.unwrap();
        let other = world.worker(LONG).await;
        let job = world.submit().await;
        let lease = take(&worker).await;
        lease.progress(&Progress::steps("denoise", 1, 9)).await.unwrap();
        // Computes and renews as a worker does.
        let working = tokio::spawn(async move {
            let until = Instant::now() + Duration::from_secs(9);
            while Instant::now() < until {
                tokio::time::sleep(LEASE / 3).await;
                match lease.renew().await {
                    Ok(_) => {}
                    Err(error) => assert!(error.is_retryable(), "{kind}: {error:?}"),
                }
            }
            lease.succeed(&result()).await
        });
        // Another worker tries to lease all the time.
        let looking = tokio::spawn(async move { other.lease(1, Duration::from_secs(9)).await });
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let mut raw = world.raw().await;
        match kind {
            "killed" => world.server.kill(),
            "stopped" => world.server.pause(),
            _ => pause(&mut raw, 5000).await,
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        match kind {
            "killed" => world.server.restart(),
            "stopped" => world.server.resume(),
            _ => {}
        }
        working.await.unwrap().unwrap();
        assert!(looking.await.unwrap().unwrap_or_default().is_empty(), "{kind}: the job was given to another worker");
        let record = world.queue.record(job.id).await.unwrap().unwrap();
        assert_eq!((record.state, record.attempt), (JobState::Succeeded, 1), "{kind}");
        assert_eq!(world.queue.counters().await.unwrap().reclaimed, 0, "{kind}");
    }
}

#[tokio::test]
async fn a_result_waits_for_redis_for_longer_than_a_lease() {
    let world = World::on(RedisServer::start_durable()).await;
    let worker = world.queue.worker(worker_info(), LeaseOptions { lease: LEASE, max_attempts: 1 }).await.unwrap();
    let job = world.submit().await;
    let lease = take(&worker).await;
    world.server.kill();
    let outcome = result();
    let (delivered, ()) = tokio::join!(lease.succeed(&outcome), async {
        tokio::time::sleep(3 * LEASE).await;
        world.server.restart();
    });
    delivered.unwrap();
    assert_eq!(world.queue.record(job.id).await.unwrap().unwrap().result, Some(result()));
}

#[tokio::test]
async fn a_worker_that_is_lost_in_an_outage_is_replaced_soon_after_it() {
    let world = World::on(RedisServer::start_durable()).await;
    let other = world.worker(LONG).await;
    let lost = {
        let worker = world.queue.worker(worker_info(), LeaseOptions { lease: LEASE, max_attempts: 3 }).await.unwrap();
        let job = world.submit().await;
        let lease = take(&worker).await;
        lease.progress(&Progress::steps("denoise", 1, 9)).await.unwrap();
        job.id
    };
    tokio::time::sleep(Duration::from_millis(1200)).await;
    world.server.kill();
    tokio::time::sleep(Duration::from_secs(4)).await;
    world.server.restart();
    let start = Instant::now();
    let lease = other.lease(1, PATIENCE).await.unwrap().pop().unwrap();
    assert_eq!((lease.job().id, lease.attempt()), (lost, 2));
    assert!(start.elapsed() < Duration::from_secs(25), "{:?}", start.elapsed());
}

/// Restores an earlier append-only file, as after a crash that lost the last second of writes.
#[tokio::test]
async fn a_lease_that_redis_forgot_is_refused_when_another_worker_has_the_job() {
    for end in ["release", "succeed", "renew"] {
        let world = World::on(RedisServer::start_as_deployed()).await;
        let (a, b) = (world.worker(LONG).await, world.worker(LONG).await);
        let job = world.submit().await;
        // Wait until the writes so far are on the disk.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let saved = world.server.snapshot();
        let forgotten = take(&a).await;
        world.server.rewind(&saved);
        wait_until("Redis to answer", PATIENCE, async || world.queue.ping().await.is_ok()).await;
        assert_eq!(world.queue.record(job.id).await.unwrap().unwrap().state, JobState::Queued, "the lease was lost");

        let held = b.lease(1, PATIENCE).await.unwrap().pop().unwrap();
        assert_eq!(held.job().id, job.id);
        let refused = match end {
            "release" => forgotten.release().await,
            "succeed" => forgotten.succeed(&result()).await,
            _ => forgotten.renew().await.map(drop),
        };
        assert!(matches!(refused, Err(Error::Lost { .. })), "{end}: {refused:?}");
        assert_eq!(held.renew().await.unwrap(), Renewal::Held, "{end}");
        held.succeed(&result()).await.unwrap();
    }
}

#[tokio::test]
async fn after_a_failover_the_next_calls_go_to_the_new_primary() {
    let (old, new) = (RedisServer::start(), RedisServer::start());
    let address = ChaosProxy::start(old.address()).await;
    let queue = Queue::connect(&options(&address.redis_url())).await.unwrap();
    let worker = queue.worker(worker_info(), LeaseOptions::default()).await.unwrap();
    let role = async |server: &RedisServer, of: Option<&RedisServer>| {
        let mut raw = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
        let (host, port) = match of {
            Some(primary) => ("127.0.0.1".to_owned(), primary.address().port().to_string()),
            None => ("NO".to_owned(), "ONE".to_owned()),
        };
        redis::cmd("REPLICAOF").arg(host).arg(port).query_async::<()>(&mut raw).await.unwrap();
    };
    role(&new, Some(&old)).await;
    let before = job();
    queue.submit(&before.clone().into()).await.unwrap();
    let copied = Queue::connect(&options(&new.url())).await.unwrap();
    wait_until("the job to be replicated", PATIENCE, async || copied.record(before.id).await.ok().flatten().is_some())
        .await;
    let waiting = {
        let lease = worker.lease(1, PATIENCE).await.unwrap().pop().unwrap();
        wait_until("the lease to be replicated", PATIENCE, async || {
            copied.record(before.id).await.unwrap().unwrap().state == JobState::Running
        })
        .await;
        lease
    };

    // A planned failover: the old primary becomes a replica, and the address points to the new primary.
    role(&new, None).await;
    role(&old, Some(&new)).await;
    assert!(matches!(queue.check_writable().await, Err(Error::Unavailable(_))), "a demoted primary refuses writes");
    address.redirect(new.address());
    wait_until("writes to reach the new primary", Duration::from_secs(10), async || {
        queue.check_writable().await.is_ok()
    })
    .await;
    let after = job();
    queue.submit(&after.clone().into()).await.unwrap();
    waiting.succeed(&result()).await.unwrap();
    let lease = worker.lease(1, PATIENCE).await.unwrap().pop().unwrap();
    assert_eq!(lease.job().id, after.id, "a worker that waited finds the new primary as well");
    assert!(copied.record(after.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_full_disk_has_an_error_of_its_own_and_reads_go_on() {
    let world = World::on(RedisServer::start_durable()).await;
    let worker = world.worker(LONG).await;
    let kept = world.submit().await;
    let lease = take(&worker).await;
    world.server.refuse_writes();
    wait_until("writes to be refused", PATIENCE, async || {
        matches!(world.queue.check_writable().await, Err(Error::Disk(_)))
    })
    .await;
    let error = world.queue.submit(&job().into()).await.unwrap_err();
    assert!(matches!(error, Error::Disk(_)) && error.is_retryable(), "{error:?}");
    assert!(world.queue.record(kept.id).await.unwrap().is_some(), "reads go on");
    let outcome = result();
    let (delivered, ()) = tokio::join!(lease.succeed(&outcome), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.server.accept_writes();
    });
    delivered.unwrap();
    assert_eq!(world.queue.record(kept.id).await.unwrap().unwrap().state, JobState::Succeeded, "the result waited");
}

#[tokio::test]
async fn missing_replicas_have_an_error_of_their_own_and_reads_go_on() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let kept = world.submit().await;
    let lease = take(&worker).await;
    let mut raw = world.raw().await;
    let mut require = async |replicas: u8| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("min-replicas-to-write").arg(replicas).query_async::<()>(&mut raw).await.unwrap();
    };
    require(1).await;
    let error = world.queue.submit(&job().into()).await.unwrap_err();
    assert!(matches!(error, Error::Replicas(_)) && error.is_retryable(), "{error:?}");
    assert!(matches!(world.queue.check_writable().await, Err(Error::Replicas(_))));
    let entry = world.queue.entry(kept.id).await.unwrap().unwrap();
    assert_eq!((entry.state, world.queue.lanes().await.unwrap().len()), (JobState::Running, 0));
    let outcome = result();
    let (delivered, ()) = tokio::join!(lease.succeed(&outcome), async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        require(0).await;
    });
    delivered.unwrap();
    assert_eq!(world.queue.record(kept.id).await.unwrap().unwrap().state, JobState::Succeeded, "the result waited");
}

#[tokio::test]
async fn a_job_is_dispatched_again_soon_after_its_worker_died() {
    let world = World::new().await;
    let (dying, other) = (
        world.queue.worker(worker_info(), LeaseOptions::default()).await.unwrap(),
        world.queue.worker(worker_info(), LeaseOptions::default()).await.unwrap(),
    );
    world.submit().await;
    let lease = take(&dying).await;
    lease.progress(&Progress::steps("denoise", 1, 9)).await.unwrap();
    let start = Instant::now();
    // The worker is gone.
    drop((dying, lease));
    assert_eq!(other.lease(1, PATIENCE).await.unwrap().len(), 1);
    let took = start.elapsed();
    // A lease and a second; the rest allows for a loaded machine.
    assert!(took >= Duration::from_secs(5) && took < Duration::from_secs(9), "{took:?}");
}

#[tokio::test]
async fn a_server_that_permits_no_info_is_used() {
    let server = RedisServer::start();
    let mut raw = redis::Client::open(server.url()).unwrap().get_multiplexed_async_connection().await.unwrap();
    let rules = ["ada", "on", ">secret", "~*", "&*", "+@all", "-info", "-config"];
    redis::cmd("ACL").arg("SETUSER").arg(&rules[..]).query_async::<()>(&mut raw).await.unwrap();
    let url = server.url().replace("redis://", "redis://ada:secret@");
    let queue = Queue::connect(&options(&url)).await.unwrap();
    queue.submit(&job().into()).await.unwrap();
    let worker = queue.worker(worker_info(), LeaseOptions::default()).await.unwrap();
    take(&worker).await.succeed(&result()).await.unwrap();
}

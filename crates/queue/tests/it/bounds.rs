//! Bounds on submissions, the time after which to retry, and estimates.

use crate::world::{LONG, World, job, options, result, take};
use domain::{Class, Job, JobId, WorkerInfo};
use queue::{Error, Queue, RedisOptions, Submission, TenantBounds};
use std::time::Duration;

fn by(owner: &str, class: Class, bounds: TenantBounds) -> Submission {
    Submission { bounds, ..Job { id: JobId::new(), owner: owner.to_owned(), class, ..job() }.into() }
}

#[tokio::test]
async fn each_class_has_its_own_depth() {
    let world = World::new().await;
    let queue = Queue::connect(&RedisOptions { queue_max_depth: 2, ..options(&world.server.url()) }).await.unwrap();
    for class in [Class::Agent, Class::User, Class::Test] {
        for _ in 0..2 {
            queue.submit(&by("a", class, TenantBounds::default())).await.unwrap();
        }
        let refused = by("b", class, TenantBounds::default());
        let error = queue.submit(&refused).await.unwrap_err();
        assert!(matches!(error, Error::Full { class: full, depth: 2, .. } if full == class), "{error:?}");
        assert!(queue.record(refused.job.id).await.unwrap().is_none());
        assert_eq!(queue.usage("b", class).await.unwrap(), queue::Load::default(), "nothing is left behind");
    }
}

#[tokio::test]
async fn a_tenant_has_no_more_jobs_than_it_may() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    let bounds = TenantBounds { max_active: 3, max_queued: 2, ..TenantBounds::default() };
    for _ in 0..2 {
        queue.submit(&by("a", Class::User, bounds)).await.unwrap();
    }
    let error = queue.submit(&by("a", Class::User, bounds)).await.unwrap_err();
    assert!(matches!(error, Error::TooManyQueued { queued: 2, most: 2, .. }), "{error:?}");
    queue.submit(&by("b", Class::User, bounds)).await.unwrap();
    let lease = take(&worker).await;
    queue.submit(&by("a", Class::User, bounds)).await.unwrap();
    let error = queue.submit(&by("a", Class::User, bounds)).await.unwrap_err();
    assert!(matches!(error, Error::TooManyActive { active: 3, most: 3, .. }), "{error:?}");
    assert!(error.is_retryable());
    lease.succeed(&result()).await.unwrap();
    let error = queue.submit(&by("a", Class::User, bounds)).await.unwrap_err();
    assert!(matches!(error, Error::TooManyQueued { .. }), "{error:?}");
    // Test jobs are counted separately.
    queue.submit(&by("a", Class::Test, bounds)).await.unwrap();
}

#[tokio::test]
async fn retry_after_follows_the_average_run_time() {
    let world = World::new().await;
    let queue = Queue::connect(&RedisOptions { queue_max_depth: 1, ..options(&world.server.url()) }).await.unwrap();
    let worker = world.worker(LONG).await;
    let after = async || match queue.submit(&by("b", Class::User, TenantBounds::default())).await {
        Err(Error::Full { retry_after, .. }) => retry_after.as_secs(),
        other => panic!("{other:?}"),
    };
    queue.submit(&by("a", Class::User, TenantBounds::default())).await.unwrap();
    assert_eq!(after().await, 30, "nothing is known yet");
    let mut raw = world.raw().await;
    pace(&mut raw, 40_000).await;
    assert_eq!(after().await, 40, "one seat at least");
    queue.announce(&worker_info("w", 4)).await.unwrap();
    assert_eq!(after().await, 10, "four seats");
    let bounds = TenantBounds { max_active: 2, ..TenantBounds::default() };
    let lease = take(&worker).await;
    queue.submit(&by("a", Class::User, bounds)).await.unwrap();
    match queue.submit(&by("a", Class::User, bounds)).await {
        Err(Error::TooManyActive { retry_after, .. }) => assert_eq!(retry_after.as_secs(), 40, "one of its own runs"),
        other => panic!("{other:?}"),
    }
    drop(lease);
}

/// Stores an average run time, as if jobs had run for so long.
pub(crate) async fn pace(raw: &mut redis::aio::MultiplexedConnection, ms: u64) {
    let field = format!("pace:made:{}", job().spec.needs(0).lane());
    redis::cmd("HSET").arg(crate::world::key("numbers")).arg(field).arg(ms).query_async::<()>(raw).await.unwrap();
}

pub(crate) fn worker_info(name: &str, slots: u32) -> WorkerInfo {
    WorkerInfo { name: name.to_owned(), slots, ..crate::world::worker_info() }
}

#[tokio::test]
async fn an_eta_is_known_while_workers_are_alive() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    let mut raw = world.raw().await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(world.submit().await.id);
    }
    let eta = async |id: JobId| queue.position(id).await.unwrap().unwrap().eta.map(|eta| eta.as_secs());
    queue.announce(&worker_info("w", 2)).await.unwrap();
    assert_eq!(eta(ids[0]).await, None, "no job has ended yet");
    pace(&mut raw, 10_000).await;
    // Two at a time, ten seconds each.
    let mut expected = Vec::new();
    for id in &ids {
        expected.push(eta(*id).await.unwrap());
    }
    assert_eq!(expected, [10, 10, 15, 20, 25, 30]);
    let lease = take(&worker).await;
    assert!((1..=10).contains(&eta(ids[0]).await.unwrap()), "it runs");
    assert_eq!(queue.position(ids[0]).await.unwrap().unwrap().position, 0);
    assert_eq!((eta(ids[1]).await, eta(ids[5]).await), (Some(10), Some(30)));

    // The average follows the run time of each job.
    tokio::time::sleep(Duration::from_millis(200)).await;
    lease.succeed(&result()).await.unwrap();
    let eta_now = queue.position(ids[1]).await.unwrap().unwrap().eta.unwrap();
    assert!(eta_now > Duration::from_millis(9000) && eta_now < Duration::from_millis(9900), "{eta_now:?}");
    assert_eq!(eta(ids[0]).await, None, "it is over");
    drop(worker);
    test_support::wait_until("no worker to be alive", Duration::from_secs(30), async || eta(ids[1]).await.is_none())
        .await;
}

#[tokio::test]
async fn workers_are_listed_while_alive_and_removed_soon_after() {
    let world = World::new().await;
    let queue = &world.queue;
    assert_eq!(queue.workers().await.unwrap(), []);
    let worker = world.worker(LONG).await;
    worker.announce(worker_info("any", 3)).await.unwrap();
    queue.announce(&worker_info("another", 1)).await.unwrap();
    let names = async || queue.workers().await.unwrap().into_iter().map(|worker| worker.name).collect::<Vec<_>>();
    assert_eq!(names().await, ["another", worker.name()]);
    assert_eq!(queue.workers().await.unwrap()[1], worker_info(worker.name(), 3));
    tokio::time::sleep(Duration::from_millis(5500)).await;
    assert_eq!(names().await, [worker.name()], "one announces itself, the other does not");
    drop(worker);
    test_support::wait_until("the worker to be forgotten", Duration::from_secs(30), async || names().await.is_empty())
        .await;
}

//! Every transition between the states of a job.

use crate::world::{LONG, SHORT, World, failure, job, key, make_due, options, position, result, take};
use domain::{JobState, Progress};
use queue::{Depth, Error, Lease, LeaseOptions, Queue, RedisOptions, Renewal, SubmitOutcome};
use std::time::{Duration, Instant};
use test_support::RedisServer;

/// Reports progress: if the worker is lost after that, the attempt counts.
async fn begin(lease: &Lease) {
    lease.progress(&Progress::stage("preprocess")).await.unwrap();
}

#[tokio::test]
async fn a_job_succeeds() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    let job = job();
    let submitted = queue.submit(&job.clone().into()).await.unwrap();
    assert_eq!((submitted.id, submitted.state, submitted.outcome), (job.id, JobState::Queued, SubmitOutcome::New));
    assert_eq!((submitted.position.position, submitted.position.eta), (1, None), "no worker is alive");
    assert_eq!(queue.depth().await.unwrap(), Depth { queued: 1, running: 0, dead: 0 });
    let record = queue.record(job.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempt, record.started_ms), (JobState::Queued, 0, None));

    let lease = take(&worker).await;
    assert_eq!((lease.job(), lease.attempt()), (&job, 1));
    assert_eq!(queue.depth().await.unwrap(), Depth { queued: 0, running: 1, dead: 0 });
    assert_eq!(position(queue, job.id).await, None);
    assert_eq!(lease.renew().await.unwrap(), Renewal::Held);
    assert_eq!(lease.progress(&Progress::steps("denoise", 3, 30)).await.unwrap(), Renewal::Held);
    let record = queue.record(job.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempt), (JobState::Running, 1));
    assert_eq!(record.progress, Some(Progress::steps("denoise", 3, 30)));
    assert!(record.started_ms.is_some() && record.finished_ms.is_none());

    lease.succeed(&result()).await.unwrap();
    let record = queue.record(job.id).await.unwrap().unwrap();
    assert_eq!((record.job, record.state, record.attempt), (job, JobState::Succeeded, 1));
    assert_eq!((record.result, record.failure, record.progress), (Some(result()), None, None));
    assert!(record.finished_ms >= record.started_ms);
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
    assert_eq!(queue.counters().await.unwrap().succeeded, 1);
}

#[tokio::test]
async fn a_failure_that_is_not_retryable_is_final_and_leaves_no_dead_letter() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    let job = world.submit().await;
    assert_eq!(take(&worker).await.fail(&failure(false)).await.unwrap(), JobState::Failed);
    let record = queue.record(job.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.failure), (JobState::Failed, Some(failure(false))));
    assert_eq!(queue.depth().await.unwrap(), Depth::default());
}

#[tokio::test]
async fn a_retryable_failure_queues_again_after_a_pause_until_attempts_run_out() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    let mut raw = world.raw().await;
    let job = world.submit().await;
    for attempt in 1..=2 {
        let lease = take(&worker).await;
        assert_eq!(lease.attempt(), attempt);
        assert_eq!(lease.fail(&failure(true)).await.unwrap(), JobState::Queued);
        assert_eq!(queue.depth().await.unwrap(), Depth { queued: 1, running: 0, dead: 0 });
        assert_eq!(position(queue, job.id).await, Some(1));
        let record = queue.record(job.id).await.unwrap().unwrap();
        assert_eq!((record.state, record.failure), (JobState::Queued, None), "the job has not failed yet");
        make_due(&mut raw, "delayed", job.id).await;
    }
    assert_eq!(take(&worker).await.fail(&failure(true)).await.unwrap(), JobState::Failed);
    let record = queue.record(job.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempt, record.failure), (JobState::Failed, 3, Some(failure(true))));
    assert_eq!(queue.depth().await.unwrap(), Depth { queued: 0, running: 0, dead: 1 });
}

#[tokio::test]
async fn a_worker_that_waits_takes_a_retry_when_it_is_due() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    world.submit().await;
    let lease = take(&worker).await;
    let start = Instant::now();
    lease.fail(&failure(true)).await.unwrap();
    let leases = worker.lease(1, Duration::from_secs(30)).await.unwrap();
    assert_eq!(leases[0].attempt(), 2);
    // The pause is between 0.5 s and 1 s.
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn released_jobs_keep_their_attempt_and_their_position() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    let first = world.submit().await;
    let second = world.submit().await;
    for _ in 0..5 {
        let lease = take(&worker).await;
        assert_eq!((lease.job().id, lease.attempt()), (first.id, 1));
        lease.release().await.unwrap();
        assert_eq!(queue.record(first.id).await.unwrap().unwrap().attempt, 0);
        assert_eq!(position(queue, first.id).await, Some(1));
        assert_eq!(position(queue, second.id).await, Some(2));
    }
}

#[tokio::test]
async fn a_queued_job_is_cancelled_at_once_and_never_dispatched() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    let (first, second) = (world.submit().await, world.submit().await);
    assert_eq!(queue.cancel(first.id).await.unwrap(), JobState::Cancelled);
    assert_eq!(position(queue, second.id).await, Some(1));
    let leases = worker.lease(10, Duration::ZERO).await.unwrap();
    assert_eq!(leases.iter().map(|lease| lease.job().id).collect::<Vec<_>>(), [second.id]);
    assert_eq!(queue.cancel(first.id).await.unwrap(), JobState::Cancelled, "terminal states stay");
    assert!(matches!(queue.cancel(job().id).await, Err(Error::UnknownJob(_))));
}

#[tokio::test]
async fn a_delayed_job_can_be_cancelled() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let job = world.submit().await;
    take(&worker).await.fail(&failure(true)).await.unwrap();
    assert_eq!(world.queue.cancel(job.id).await.unwrap(), JobState::Cancelled);
    assert_eq!(world.queue.depth().await.unwrap(), Depth::default());
    assert!(worker.lease(1, Duration::from_millis(1500)).await.unwrap().is_empty());
}

#[tokio::test]
async fn renewals_report_that_cancellation_was_requested() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    let job = world.submit().await;
    let lease = take(&worker).await;
    assert_eq!(queue.cancel(job.id).await.unwrap(), JobState::Running);
    assert_eq!(lease.renew().await.unwrap(), Renewal::Cancelled);
    assert_eq!(lease.progress(&Progress::stage("decode")).await.unwrap(), Renewal::Cancelled);
    lease.cancelled().await.unwrap();
    let record = queue.record(job.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.failure), (JobState::Cancelled, None));
    assert_eq!(queue.counters().await.unwrap().cancelled, 1);
}

#[tokio::test]
async fn a_job_with_a_cancellation_request_is_not_queued_again() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    let mut raw = world.raw().await;
    for way in ["fail", "release", "lose", "succeed"] {
        let job = world.submit().await;
        let lease = take(&worker).await;
        queue.cancel(job.id).await.unwrap();
        let expected = match way {
            "fail" => lease.fail(&failure(true)).await.unwrap(),
            "release" => lease.release().await.map(|()| JobState::Cancelled).unwrap(),
            "lose" => {
                make_due(&mut raw, "leases", job.id).await;
                queue.sweep().await.map(|_| JobState::Cancelled).unwrap()
            }
            // The attempt succeeded before the worker learned of the request.
            _ => lease.succeed(&result()).await.map(|()| JobState::Succeeded).unwrap(),
        };
        assert_eq!(queue.record(job.id).await.unwrap().unwrap().state, expected, "{way}");
        assert_eq!(queue.depth().await.unwrap(), Depth::default());
    }
}

#[tokio::test]
async fn an_expired_lease_is_requeued_and_the_late_worker_is_refused() {
    let world = World::new().await;
    let (queue, slow, other) = (&world.queue, world.worker(LONG).await, world.worker(LONG).await);
    let job = world.submit().await;
    let lost = take(&slow).await;
    begin(&lost).await;
    make_due(&mut world.raw().await, "leases", job.id).await;
    let lease = other.lease(1, Duration::from_secs(10)).await.unwrap().pop().unwrap();
    assert_eq!((lease.job().id, lease.attempt()), (job.id, 2));

    let refused = |result: Result<(), Error>| matches!(result, Err(Error::Lost { attempt: 1, .. }));
    assert!(refused(lost.renew().await.map(drop)));
    assert!(refused(lost.progress(&Progress::steps("denoise", 1, 2)).await.map(drop)));
    assert!(refused(lost.succeed(&result()).await));
    assert_eq!(queue.counters().await.unwrap().fenced, 3);
    assert_eq!(queue.counters().await.unwrap().reclaimed, 1);

    let record = queue.record(job.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempt, record.progress), (JobState::Running, 2, None));
    lease.succeed(&result()).await.unwrap();
}

#[tokio::test]
async fn a_released_lease_and_its_successor_share_an_attempt_but_not_a_token() {
    // After the release, writes with the first token must be refused, though both leases are attempt 1.
    let world = World::new().await;
    let (queue, slow, other) = (&world.queue, world.worker(LONG).await, world.worker(LONG).await);
    let job = world.submit().await;
    let lost = take(&slow).await;
    begin(&lost).await;
    make_due(&mut world.raw().await, "leases", job.id).await;
    let second = other.lease(1, Duration::from_secs(10)).await.unwrap().pop().unwrap();
    second.release().await.unwrap();
    let third = take(&other).await;
    assert_eq!((lost.attempt(), third.attempt()), (1, 2));
    assert!(matches!(lost.release().await, Err(Error::Lost { .. })));
    third.succeed(&result()).await.unwrap();
    assert_eq!(queue.counters().await.unwrap().fenced, 1);
}

#[tokio::test]
async fn renewing_keeps_a_job() {
    let world = World::new().await;
    let (worker, other) = (world.worker(LONG).await, world.worker(LONG).await);
    let (mut raw, job) = (world.raw().await, world.submit().await);
    let lease = take(&worker).await;
    let mut end = async |command: &str, at: Option<i64>| {
        let mut command = redis::cmd(command);
        command.arg(key("leases")).arg(at).arg(job.id.to_string());
        command.query_async::<f64>(&mut raw).await.unwrap() as i64
    };
    let first = end("ZSCORE", None).await;
    // As if most of the lease had passed.
    let soon = first - (LONG.as_millis() as i64) + 60_000;
    end("ZADD", Some(soon)).await;
    lease.renew().await.unwrap();
    assert!(end("ZSCORE", None).await >= first, "it has its whole length again");
    assert!(other.lease(1, Duration::ZERO).await.unwrap().is_empty());
    lease.succeed(&result()).await.unwrap();
}

#[tokio::test]
async fn a_job_whose_workers_die_becomes_a_dead_letter() {
    let world = World::new().await;
    let queue = &world.queue;
    let (worker, mut raw) = (world.worker(LONG).await, world.raw().await);
    let job = world.submit().await;
    for attempt in 1..=3 {
        let lease = worker.lease(1, Duration::from_secs(10)).await.unwrap().pop().unwrap();
        assert_eq!(lease.attempt(), attempt);
        begin(&lease).await;
        make_due(&mut raw, "leases", job.id).await;
    }
    assert!(worker.lease(1, Duration::ZERO).await.unwrap().is_empty());
    let record = queue.record(job.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.attempt), (JobState::Failed, 3));
    assert_eq!(record.failure.unwrap().code, "worker_lost");
    assert_eq!(queue.depth().await.unwrap(), Depth { queued: 0, running: 0, dead: 1 });
}

#[tokio::test]
async fn lost_leases_are_taken_back_without_lease_calls() {
    let world = World::new().await;
    let worker = world.worker(SHORT).await;
    let job = world.submit().await;
    let _lost = take(&worker).await;
    // `worker` makes no calls meanwhile.
    test_support::wait_until("the job to be queued again", Duration::from_secs(30), async || {
        world.queue.record(job.id).await.unwrap().unwrap().state == JobState::Queued
    })
    .await;
    assert_eq!(position(&world.queue, job.id).await, Some(1));
}

#[tokio::test]
async fn jobs_are_leased_in_order_and_a_reclaimed_job_first() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    let mut jobs = Vec::new();
    for expected in 1..=5 {
        let job = job();
        assert_eq!(queue.submit(&job.clone().into()).await.unwrap().position.position, expected);
        jobs.push(job.id);
    }
    let lease = take(&worker).await;
    assert_eq!(lease.job().id, jobs[0]);
    assert_eq!(position(queue, jobs[4]).await, Some(4));
    lease.release().await.unwrap();
    assert_eq!(position(queue, jobs[4]).await, Some(5));
    let leases = worker.lease(5, Duration::ZERO).await.unwrap();
    assert_eq!(leases.iter().map(|lease| lease.job().id).collect::<Vec<_>>(), jobs);
}

#[tokio::test]
async fn the_depth_is_bounded_and_submission_is_idempotent() {
    let server = RedisServer::start();
    let queue = Queue::connect(&RedisOptions { queue_max_depth: 2, ..options(&server.url()) }).await.unwrap();
    let (first, second, third) = (job(), job(), job());
    queue.submit(&first.clone().into()).await.unwrap();
    queue.submit(&second.clone().into()).await.unwrap();
    assert!(matches!(queue.submit(&third.clone().into()).await, Err(Error::Full { depth: 2, .. })));
    assert!(queue.record(third.id).await.unwrap().is_none());
    let again = queue.submit(&second.clone().into()).await.unwrap();
    assert_eq!((again.outcome, again.position.position), (SubmitOutcome::Repeated, 2), "it is there already");

    let worker = queue.worker(crate::world::worker_info(), LeaseOptions::default()).await.unwrap();
    take(&worker).await.succeed(&result()).await.unwrap();
    let again = queue.submit(&first.clone().into()).await.unwrap();
    assert_eq!(
        (again.outcome, again.state, again.position.position),
        (SubmitOutcome::Repeated, JobState::Succeeded, 0)
    );
    assert_eq!(queue.submit(&third.clone().into()).await.unwrap().position.position, 2);
}

#[tokio::test]
async fn a_finished_job_expires_after_its_retention() {
    let server = RedisServer::start();
    let queue = Queue::connect(&RedisOptions { result_retention: 1, ..options(&server.url()) }).await.unwrap();
    let worker = queue.worker(crate::world::worker_info(), LeaseOptions::default()).await.unwrap();
    let job = job();
    queue.submit(&job.clone().into()).await.unwrap();
    take(&worker).await.succeed(&result()).await.unwrap();
    test_support::wait_until("the job to be forgotten", Duration::from_secs(30), async || {
        queue.record(job.id).await.unwrap().is_none()
    })
    .await;
    assert!(matches!(queue.cancel(job.id).await, Err(Error::UnknownJob(_))));
}

#[tokio::test]
async fn workers_of_one_name_and_queues_of_two_prefixes_are_independent() {
    let world = World::new().await;
    let (a, b) = (world.worker(LONG).await, world.worker(LONG).await);
    assert_ne!(a.name(), b.name());
    let other = Queue::connect(&options(&world.server.url()).with_prefix("other")).await.unwrap();
    let job = world.submit().await;
    assert!(other.record(job.id).await.unwrap().is_none());
    let stranger = other.worker(crate::world::worker_info(), LeaseOptions::default()).await.unwrap();
    assert!(stranger.lease(1, Duration::ZERO).await.unwrap().is_empty());
    assert!(stranger.lease(0, LONG).await.unwrap().is_empty(), "nothing to wait for");
}

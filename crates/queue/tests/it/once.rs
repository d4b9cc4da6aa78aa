//! Idempotent submission: a repeated request returns its job, and equal requests share one job.

use crate::world::{LONG, World, failure, job, options, result, take};
use domain::{Class, Job, JobId, JobState};
use queue::{Error, LeaseOptions, Queue, RedisOptions, Submission, SubmitOutcome, Submitted};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

fn of(job: Job, fingerprint: u8, thing: u8) -> Submission {
    Submission { fingerprint: Some([fingerprint; 32]), same_as: Some([thing; 32]), ..job.into() }
}

async fn submit(queue: &Queue, submission: &Submission) -> Submitted {
    queue.submit(submission).await.unwrap()
}

#[tokio::test]
async fn an_id_with_another_fingerprint_is_refused() {
    let world = World::new().await;
    let queue = &world.queue;
    let job = job();
    let first = Submission { fingerprint: Some([1; 32]), ..job.clone().into() };
    assert_eq!(submit(queue, &first).await.outcome, SubmitOutcome::New);
    let other = Submission { fingerprint: Some([2; 32]), ..first.clone() };
    assert!(matches!(queue.submit(&other).await, Err(Error::Conflict)));
    let none = Submission { fingerprint: None, ..first.clone() };
    assert!(matches!(queue.submit(&none).await, Err(Error::Conflict)));
    let stranger = Submission { job: Job { owner: "stranger".to_owned(), ..job.clone() }, ..first.clone() };
    assert!(matches!(queue.submit(&stranger).await, Err(Error::Conflict)));
    assert_eq!(queue.record(job.id).await.unwrap().unwrap().job, job, "it is unchanged");

    let lease = take(&world.worker(LONG).await).await;
    let again = submit(queue, &first).await;
    assert_eq!((again.outcome, again.state, again.position.position), (SubmitOutcome::Repeated, JobState::Running, 0));
    lease.fail(&failure(false)).await.unwrap();
    let again = submit(queue, &first).await;
    assert_eq!((again.outcome, again.state), (SubmitOutcome::Repeated, JobState::Failed), "also when it failed");
    assert!(matches!(queue.submit(&other).await, Err(Error::Conflict)));
    assert_eq!(queue.counters().await.unwrap().repeated, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_duplicates_at_once_make_one_job() {
    let world = Arc::new(World::new().await);
    let same = job();
    let mut named = Vec::new();
    let mut unnamed = Vec::new();
    for _ in 0..500 {
        // The same id, and other ids with the same digest.
        let (a, b) = (of(same.clone(), 1, 1), of(Job { id: JobId::new(), ..same.clone() }, 1, 2));
        for (tasks, submission) in [(&mut named, a), (&mut unnamed, b)] {
            let world = Arc::clone(&world);
            tasks.push(tokio::spawn(async move { world.queue.submit(&submission).await.unwrap() }));
        }
    }
    for (tasks, how) in [(named, SubmitOutcome::Repeated), (unnamed, SubmitOutcome::Attached)] {
        let (mut ids, mut new) = (HashSet::new(), 0);
        for task in tasks {
            let submitted = task.await.unwrap();
            ids.insert(submitted.id);
            new += usize::from(submitted.outcome == SubmitOutcome::New);
            assert!(submitted.outcome == SubmitOutcome::New || submitted.outcome == how, "{submitted:?}");
        }
        assert_eq!((ids.len(), new), (1, 1));
    }
    assert_eq!(world.queue.depth().await.unwrap().queued, 2);
}

#[tokio::test]
async fn an_equal_request_is_attached_then_cached_then_runs_again() {
    let world = World::new().await;
    let short = RedisOptions { result_cache_seconds: 1, ..options(&world.server.url()) };
    let (queue, forgetful) = (world.queue.clone(), Queue::connect(&short).await.unwrap());
    let worker = world.worker(LONG).await;
    let first = of(job(), 1, 7);
    assert_eq!(submit(&queue, &first).await.outcome, SubmitOutcome::New);
    let second = of(job(), 2, 7);
    let attached = submit(&queue, &second).await;
    assert_eq!((attached.outcome, attached.id, attached.position.position), (SubmitOutcome::Attached, first.job.id, 1));
    let lease = take(&worker).await;
    assert_eq!(submit(&queue, &of(job(), 3, 7)).await.outcome, SubmitOutcome::Attached, "to a running one too");
    lease.succeed(&result()).await.unwrap();
    let cached = submit(&queue, &of(job(), 4, 7)).await;
    assert_eq!((cached.outcome, cached.id, cached.state), (SubmitOutcome::Cached, first.job.id, JobState::Succeeded));
    // The attached id is an alias of that job from now on, for the same fingerprint only.
    let again = submit(&queue, &second).await;
    assert_eq!((again.outcome, again.id), (SubmitOutcome::Repeated, first.job.id));
    let answer = async |id| queue.answered_with(id).await.unwrap().map(|record| record.job.id);
    assert_eq!(answer(second.job.id).await, Some(first.job.id));
    assert_eq!((answer(first.job.id).await, answer(JobId::new()).await), (Some(first.job.id), None));
    let other = Submission { fingerprint: Some([9; 32]), ..second.clone() };
    assert!(matches!(queue.submit(&other).await, Err(Error::Conflict)));

    tokio::time::sleep(Duration::from_millis(1100)).await;
    let late = submit(&forgetful, &of(job(), 5, 7)).await;
    assert_eq!(late.outcome, SubmitOutcome::New, "the result is too old");
    assert_eq!(
        (submit(&queue, &second).await.outcome, submit(&queue, &second).await.id),
        (SubmitOutcome::Repeated, first.job.id)
    );
    let counters = queue.counters().await.unwrap();
    assert_eq!((counters.missed, counters.attached, counters.cached), (2, 2, 1));
}

#[tokio::test]
async fn failed_cancelled_and_foreign_jobs_answer_no_request() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    submit(queue, &of(job(), 1, 1)).await;
    take(&worker).await.fail(&failure(false)).await.unwrap();
    let second = of(job(), 1, 1);
    assert_eq!(submit(queue, &second).await.outcome, SubmitOutcome::New, "the first failed");
    let running = take(&worker).await;
    queue.cancel(second.job.id).await.unwrap();
    assert_eq!(submit(queue, &of(job(), 1, 1)).await.outcome, SubmitOutcome::New, "the second is to be cancelled");
    drop(running);
    for job in [Job { owner: "other".to_owned(), ..job() }, Job { class: Class::Test, ..job() }] {
        assert_eq!(submit(queue, &of(job, 1, 1)).await.outcome, SubmitOutcome::New);
    }
}

#[tokio::test]
async fn no_request_is_answered_while_the_cache_is_off() {
    let world = World::new().await;
    let off = RedisOptions { result_cache_seconds: 0, ..options(&world.server.url()) };
    let queue = Queue::connect(&off).await.unwrap();
    for _ in 0..3 {
        assert_eq!(submit(&queue, &of(job(), 1, 1)).await.outcome, SubmitOutcome::New);
    }
    assert_eq!(queue.counters().await.unwrap().missed, 0);
    let worker = queue.worker(crate::world::worker_info(), LeaseOptions::default()).await.unwrap();
    assert_eq!(worker.lease(9, Duration::ZERO).await.unwrap().len(), 3);
}

//! Dead letters: listing, redriving, discarding.

use crate::world::{LONG, World, failure, options, take};
use domain::{Job, JobState};
use queue::{Error, LeaseOptions, Queue, RedisOptions};

const ONE_ATTEMPT: LeaseOptions = LeaseOptions { lease: LONG, max_attempts: 1 };

#[tokio::test]
async fn a_dead_letter_is_redriven_as_a_new_job() {
    let world = World::new().await;
    let queue = &world.queue;
    let worker = queue.worker(crate::world::worker_info(), ONE_ATTEMPT).await.unwrap();
    let mut jobs = Vec::new();
    for _ in 0..2 {
        jobs.push(world.submit().await);
        assert_eq!(take(&worker).await.fail(&failure(true)).await.unwrap(), JobState::Failed);
    }
    let letters = queue.dead_letters(None, 10).await.unwrap();
    assert_eq!(
        letters.iter().map(|letter| letter.job.as_ref().unwrap()).collect::<Vec<_>>(),
        [&jobs[1], &jobs[0]],
        "latest first"
    );
    let letter = &letters[1];
    assert_eq!(
        (letter.failure.as_ref(), letter.attempts, letter.worker.as_str()),
        (Some(&failure(true)), 1, worker.name())
    );
    assert!(letter.at_ms > 1_700_000_000_000);

    let old = letter.job.clone().unwrap();
    let again = queue.redrive(&letter.id).await.unwrap();
    assert_ne!(again, old.id);
    assert_eq!(queue.record(old.id).await.unwrap().unwrap().state, JobState::Failed, "terminal states never change");
    let lease = take(&worker).await;
    assert_eq!((lease.job(), lease.attempt()), (&Job { id: again, ..old.clone() }, 1));
    assert_eq!(queue.dead_letters(None, 10).await.unwrap().len(), 1);
    assert!(matches!(queue.redrive(&letter.id).await, Err(Error::UnknownLetter(_))), "only once");
}

#[tokio::test]
async fn redriving_respects_the_bound_and_asks_for_a_whole_id() {
    let world = World::new().await;
    let bounded = RedisOptions { queue_max_depth: 1, ..options(&world.server.url()) };
    let queue = Queue::connect(&bounded).await.unwrap();
    let worker = queue.worker(crate::world::worker_info(), ONE_ATTEMPT).await.unwrap();
    world.submit().await;
    take(&worker).await.fail(&failure(true)).await.unwrap();
    world.submit().await;
    let letter = queue.dead_letters(None, 1).await.unwrap().pop().unwrap();
    assert!(matches!(queue.redrive(&letter.id).await, Err(Error::Full { depth: 1, .. })));
    assert_eq!(queue.dead_letters(None, 1).await.unwrap(), [letter], "it is still there");
    assert_eq!(queue.dead_letters(Some("0-0"), 1).await.unwrap(), []);
    for wrong in ["", "-", "+", "1", "0-0", "0-1", "+0-+1", "x-y", "-\r\nFLUSHALL"] {
        assert!(matches!(queue.redrive(wrong).await, Err(Error::UnknownLetter(_))), "{wrong:?}");
    }
}

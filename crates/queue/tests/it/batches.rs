//! Batches, and lists of jobs.

use crate::world::{LONG, World, job, options, result, take};
use domain::{BatchId, Class, Job, JobId, JobState};
use queue::{Error, LeaseOptions, Queue, RedisOptions, Submission, SubmitOutcome, TenantBounds};
use redis::AsyncCommands;
use std::time::Duration;

fn members(batch: BatchId, n: usize) -> Vec<Submission> {
    let member = |k: usize| {
        let job = Job { id: JobId::new(), batch: Some(batch), ..job() };
        Submission { fingerprint: Some([k as u8; 32]), ..job.into() }
    };
    (0..n).map(member).collect()
}

#[tokio::test]
async fn a_batch_is_accepted_as_a_whole_or_refused() {
    let world = World::new().await;
    let queue = Queue::connect(&RedisOptions { queue_max_depth: 10, ..options(&world.server.url()) }).await.unwrap();
    let (batch, refused) = (BatchId::new(), BatchId::new());
    let submitted = queue.submit_batch(batch, &members(batch, 6)).await.unwrap();
    assert_eq!(submitted.iter().map(|s| s.position.position).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);

    let too_many = members(refused, 5);
    assert!(matches!(queue.submit_batch(refused, &too_many).await, Err(Error::Full { depth: 6, .. })));
    let bounds = TenantBounds { max_active: 7, ..TenantBounds::default() };
    let too_active: Vec<_> = members(refused, 2).into_iter().map(|s| Submission { bounds, ..s }).collect();
    assert!(matches!(queue.submit_batch(refused, &too_active).await, Err(Error::TooManyActive { active: 6, .. })));
    // One conflicting job makes the whole batch a conflict.
    let mut conflicting = members(refused, 3);
    conflicting[2].job.id = submitted[0].id;
    assert!(matches!(queue.submit_batch(refused, &conflicting).await, Err(Error::Conflict)));
    for submission in too_many.iter().chain(&conflicting[..2]) {
        assert!(queue.record(submission.job.id).await.unwrap().is_none());
    }
    assert!(queue.batch(refused).await.unwrap().is_none());
    assert_eq!(queue.depth().await.unwrap().queued, 6);

    for wrong in [vec![], members(refused, 257)] {
        assert!(matches!(queue.submit_batch(refused, &wrong).await, Err(Error::InvalidBatch(_))));
    }
    let mut mixed = members(refused, 2);
    mixed[1].job.owner = "other".to_owned();
    assert!(matches!(queue.submit_batch(refused, &mixed).await, Err(Error::InvalidBatch(_))));
}

#[tokio::test]
async fn a_repeated_batch_is_the_same_and_a_different_one_is_refused() {
    let world = World::new().await;
    let queue = &world.queue;
    let batch = BatchId::new();
    let all = members(batch, 3);
    let first = queue.submit_batch(batch, &all).await.unwrap();
    let again = queue.submit_batch(batch, &all).await.unwrap();
    assert!(again.iter().all(|submitted| submitted.outcome == SubmitOutcome::Repeated));
    assert_eq!(first.iter().map(|s| s.id).collect::<Vec<_>>(), again.iter().map(|s| s.id).collect::<Vec<_>>());
    let mut changed = all.clone();
    changed[1].fingerprint = Some([77; 32]);
    assert!(matches!(queue.submit_batch(batch, &changed).await, Err(Error::Conflict)));
    assert!(
        matches!(queue.submit_batch(batch, &all[..2]).await, Err(Error::Conflict)),
        "fewer jobs are a different batch"
    );
    assert_eq!(queue.depth().await.unwrap().queued, 3);
}

#[tokio::test]
async fn equal_requests_of_a_batch_run_once() {
    let world = World::new().await;
    let batch = BatchId::new();
    let mut all = members(batch, 3);
    all.iter_mut().for_each(|member| member.same_as = Some([1; 32]));
    all[2].same_as = None;
    let submitted = world.queue.submit_batch(batch, &all).await.unwrap();
    assert_eq!(
        submitted.iter().map(|s| s.outcome).collect::<Vec<_>>(),
        [SubmitOutcome::New, SubmitOutcome::Attached, SubmitOutcome::New]
    );
    assert_eq!(submitted[0].id, submitted[1].id);
    let record = world.queue.batch(batch).await.unwrap().unwrap();
    assert_eq!(
        record.members.iter().map(|m| m.id).collect::<Vec<_>>(),
        submitted.iter().map(|s| s.id).collect::<Vec<_>>()
    );
    let again = world.queue.submit_batch(batch, &all).await.unwrap();
    assert_eq!(again.iter().map(|s| s.id).collect::<Vec<_>>(), submitted.iter().map(|s| s.id).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_batch_is_retained_as_long_as_its_jobs() {
    let world = World::new().await;
    let queue = &world.queue;
    let (batch, worker) = (BatchId::new(), world.worker(LONG).await);
    let submitted = queue.submit_batch(batch, &members(batch, 3)).await.unwrap();
    let mut raw = world.raw().await;
    let mut ttl = async || raw.ttl::<_, i64>(crate::world::key(&format!("batch:{batch}"))).await.unwrap();
    take(&worker).await.succeed(&result()).await.unwrap();
    let running = take(&worker).await;
    let record = queue.batch(batch).await.unwrap().unwrap();
    assert_eq!((record.owner.as_str(), record.submitted_ms), ("studio-agent-0042", 1_700_000_000_000));
    let states = |record: &queue::BatchRecord| {
        record.members.iter().map(|m| m.entry.as_ref().unwrap().state).collect::<Vec<_>>()
    };
    assert_eq!(states(&record), [JobState::Succeeded, JobState::Running, JobState::Queued]);
    assert_eq!(ttl().await, -1);
    queue.cancel(submitted[2].id).await.unwrap();
    running.succeed(&result()).await.unwrap();
    let record = queue.batch(batch).await.unwrap().unwrap();
    assert_eq!(states(&record), [JobState::Succeeded, JobState::Succeeded, JobState::Cancelled]);
    assert!((86_390..=86_400).contains(&ttl().await), "its retention has begun");
    assert!(queue.batch(BatchId::new()).await.unwrap().is_none());
}

#[tokio::test]
async fn jobs_are_listed_page_by_page_newest_first() {
    let world = World::new().await;
    let (queue, worker) = (&world.queue, world.worker(LONG).await);
    let mut ids = Vec::new();
    for _ in 0..25 {
        ids.push(world.submit().await.id);
    }
    for _ in 0..5 {
        take(&worker).await.succeed(&result()).await.unwrap();
    }
    queue.submit(&Job { owner: "other".to_owned(), ..job() }.into()).await.unwrap();
    queue.submit(&Job { class: Class::Test, ..job() }.into()).await.unwrap();
    ids.reverse();
    let owner = job().owner;
    let list = async |state, limit| {
        let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = queue.jobs_of(&owner, Class::User, state, after, limit).await.unwrap();
            assert!(page.items.len() <= limit);
            found.extend(page.items.into_iter().map(|entry| entry.id));
            pages += 1;
            // The cursor as a client would return it.
            after = page.next.map(|next| next.to_string().parse().unwrap());
            if after.is_none() {
                return (found, pages);
            }
        }
    };
    assert_eq!(list(None, 100).await, (ids.clone(), 1));
    assert_eq!(list(None, 10).await, (ids.clone(), 3));
    assert_eq!(list(Some(JobState::Succeeded), 10).await, (ids[20..].to_vec(), 1));
    assert_eq!(list(Some(JobState::Queued), 7).await.0, ids[..20]);
    assert_eq!(list(Some(JobState::Cancelled), 7).await, (vec![], 1));
}

#[tokio::test]
async fn expired_jobs_are_removed_from_lists() {
    let world = World::new().await;
    let (queue, worker, mut raw) = (&world.queue, world.worker(LONG).await, world.raw().await);
    let mut forgotten = Vec::new();
    for _ in 0..20 {
        forgotten.push(crate::world::key(&format!("job:{}", world.submit().await.id)));
        take(&worker).await.succeed(&result()).await.unwrap();
    }
    let index = crate::world::key(&format!("jobs:user:{}", job().owner));
    let last = world.submit().await;
    // As if their retention were over.
    assert_eq!(raw.del::<_, u64>(&forgotten).await.unwrap(), 20);
    assert_eq!(raw.zcard::<_, u64>(&index).await.unwrap(), 21);
    let page = queue.jobs_of(&job().owner, Class::User, None, None, 100).await.unwrap();
    assert_eq!((page.items.len(), page.next), (1, None));
    // One of 16 submissions removes expired jobs from the list.
    for _ in 0..16 {
        world.submit().await;
    }
    assert_eq!(raw.zcard::<_, u64>(&index).await.unwrap(), 17);
    let short = RedisOptions { result_retention: 1, ..options(&world.server.url()) };
    let queue = Queue::connect(&short).await.unwrap();
    queue.cancel(last.id).await.unwrap();
    let worker = queue.worker(crate::world::worker_info(), LeaseOptions::default()).await.unwrap();
    for lease in worker.lease(100, Duration::ZERO).await.unwrap() {
        lease.succeed(&result()).await.unwrap();
    }
    test_support::wait_until("the list to go with its last job", Duration::from_secs(30), async || {
        world.raw().await.exists::<_, u64>(&index).await.unwrap() == 0
    })
    .await;
}

#[tokio::test]
async fn a_repeated_batch_submits_expired_jobs_again() {
    let world = World::new().await;
    let queue = Queue::connect(&RedisOptions { result_retention: 1, ..options(&world.server.url()) }).await.unwrap();
    let worker = queue.worker(crate::world::worker_info(), LeaseOptions::default()).await.unwrap();
    let batch = BatchId::new();
    let all = members(batch, 2);
    queue.submit_batch(batch, &all).await.unwrap();
    take(&worker).await.succeed(&result()).await.unwrap();
    test_support::wait_until("the first job to be forgotten", Duration::from_secs(20), async || {
        queue.record(all[0].job.id).await.unwrap().is_none()
    })
    .await;
    let again = queue.submit_batch(batch, &all).await.unwrap();
    let outcomes: Vec<_> = again.iter().map(|submitted| submitted.outcome).collect();
    assert_eq!(outcomes, [SubmitOutcome::New, SubmitOutcome::Repeated], "only the new job is to be charged");
    // The retention of the batch begins when both jobs have ended.
    queue.cancel(all[1].job.id).await.unwrap();
    let key = crate::world::key(&format!("batch:{batch}"));
    assert_eq!(world.raw().await.ttl::<_, i64>(&key).await.unwrap(), -1, "one job has not ended");
    queue.cancel(all[0].job.id).await.unwrap();
    assert!(world.raw().await.ttl::<_, i64>(&key).await.unwrap() >= 0);
}

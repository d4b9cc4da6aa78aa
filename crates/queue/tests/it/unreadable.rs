//! Records that this version cannot read: of a newer version, or damaged.

use crate::world::{LONG, World, job, key, make_due, result, take};
use domain::{BatchId, Class, Job, JobId, JobState, Progress};
use futures_util::StreamExt;
use queue::{Error, EventId, Queue, Submission};
use redis::AsyncCommands;
use std::time::Duration;

/// Replaces the stored JSON of a job, as another version might have written it.
async fn store(world: &World, id: JobId, json: &str) {
    world.raw().await.hset::<_, _, _, ()>(key(&format!("job:{id}")), "job", json).await.unwrap();
}

fn newer(job: &Job) -> String {
    serde_json::to_string(job).unwrap().replacen("\"v\":2", "\"v\":3", 1)
}

async fn refused_until(world: &World, id: JobId) {
    test_support::wait_until("the job to be handed back", Duration::from_secs(20), async || {
        let delayed: Option<f64> = world.raw().await.zscore(key("delayed"), id.to_string()).await.unwrap();
        delayed.is_some()
    })
    .await;
}

#[tokio::test]
async fn unknown_fields_of_stored_records_are_ignored() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let job = world.submit().await;
    let json = serde_json::to_string(&job).unwrap();
    store(&world, job.id, &json.replacen('{', r#"{"texture":{"size":[1]},"#, 1)).await;
    let lease = take(&worker).await;
    assert_eq!(lease.job(), &job);
    lease.succeed(&result()).await.unwrap();
    assert_eq!(world.queue.record(job.id).await.unwrap().unwrap().job, job);
}

#[tokio::test]
async fn an_unreadable_job_does_not_affect_jobs_leased_with_it() {
    for broken in ["newer", "not JSON", "{}", ""] {
        let world = World::new().await;
        let worker = world.worker(LONG).await;
        let mut jobs = Vec::new();
        for _ in 0..8 {
            jobs.push(world.submit().await);
        }
        let bad = jobs[0].id;
        let json = if broken == "newer" { newer(&jobs[0]) } else { broken.to_owned() };
        store(&world, bad, &json).await;
        let leases = worker.lease(8, Duration::ZERO).await.unwrap();
        let ids: Vec<JobId> = leases.iter().map(|lease| lease.job().id).collect();
        assert_eq!(ids, jobs[1..].iter().map(|job| job.id).collect::<Vec<_>>(), "{broken}");
        for lease in leases {
            lease.succeed(&result()).await.unwrap();
        }
        refused_until(&world, bad).await;
        assert_eq!(world.queue.counters().await.unwrap().succeeded, 7);

        // A newer worker takes it, at its first attempt.
        store(&world, bad, &serde_json::to_string(&jobs[0]).unwrap()).await;
        make_due(&mut world.raw().await, "delayed", bad).await;
        world.queue.sweep().await.unwrap();
        let lease = take(&worker).await;
        assert_eq!((lease.job().id, lease.attempt()), (bad, 1));
        lease.succeed(&result()).await.unwrap();
    }
}

#[tokio::test]
async fn a_job_that_no_worker_can_read_becomes_a_dead_letter() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let job = world.submit().await;
    store(&world, job.id, &newer(&job)).await;
    for refusal in 1..=30 {
        assert!(worker.lease(1, Duration::ZERO).await.unwrap().is_empty());
        if refusal < 30 {
            refused_until(&world, job.id).await;
            make_due(&mut world.raw().await, "delayed", job.id).await;
            world.queue.sweep().await.unwrap();
        }
    }
    test_support::wait_until("the job to fail", Duration::from_secs(20), async || {
        world.queue.depth().await.unwrap() == queue::Depth { queued: 0, running: 0, dead: 1 }
    })
    .await;
    let failure: String = world.raw().await.hget(key(&format!("job:{}", job.id)), "failure").await.unwrap();
    assert!(failure.contains("unsupported_job"), "{failure}");
    let letter = world.queue.dead_letters(None, 9).await.unwrap().pop().unwrap();
    assert_eq!(letter.job.clone().unwrap_err(), "job: version 3 is newer than 2");
    assert!(matches!(world.queue.redrive(&letter.id).await, Err(Error::UnreadableLetter { .. })));
    world.queue.discard(&letter.id).await.unwrap();
    assert!(matches!(world.queue.discard(&letter.id).await, Err(Error::UnknownLetter(_))));
}

#[tokio::test]
async fn an_unreadable_job_is_one_entry_of_pages_and_batches() {
    let world = World::new().await;
    let queue: &Queue = &world.queue;
    let batch = BatchId::new();
    let all: Vec<Submission> = (0..3).map(|_| Job { batch: Some(batch), ..job() }.into()).collect();
    queue.submit_batch(batch, &all).await.unwrap();
    let bad = all[1].job.id;
    store(&world, bad, &newer(&all[1].job)).await;

    let page = queue.jobs_of(&job().owner, Class::User, None, None, 10).await.unwrap();
    let readable: Vec<bool> = page.items.iter().map(|entry| entry.record.is_ok()).collect();
    assert_eq!(readable, [true, false, true]);
    let unreadable = page.items[1].record.clone().unwrap_err();
    assert_eq!((unreadable.id, unreadable.owner.as_str(), unreadable.state), (bad, &*job().owner, JobState::Queued));
    assert_eq!(page.items.iter().map(|entry| entry.position.position).collect::<Vec<_>>(), [3, 2, 1]);
    let members = queue.batch(batch).await.unwrap().unwrap().members;
    assert_eq!(members.iter().filter(|member| member.entry.as_ref().unwrap().record.is_ok()).count(), 2);

    let error = queue.record(bad).await.unwrap_err();
    assert!(matches!(&error, Error::UnreadableJob(job) if job.id == bad) && !error.is_retryable(), "{error:?}");
    let watched: Vec<_> = queue.watch(bad, None).collect().await;
    assert!(matches!(watched[..], [Err(Error::UnreadableJob(_))]), "{watched:?}");
    // The job can still be cancelled.
    assert_eq!(queue.cancel(bad).await.unwrap(), JobState::Cancelled);
}

#[tokio::test]
async fn an_unreadable_event_is_skipped_and_the_others_arrive() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let mut raw = world.raw().await;
    let job = world.submit().await;
    let channel = key(&format!("events:{}", job.id));
    let watch = world.queue.watch(job.id, None).map(|item| item.unwrap().0.0);
    futures_util::pin_mut!(watch);
    let lease = take(&worker).await;
    assert_eq!((watch.next().await, watch.next().await), (Some(1), Some(2)));
    lease.progress(&Progress::steps("denoise", 1, 3)).await.unwrap();
    assert_eq!(watch.next().await, Some(3));

    // As a newer version might write and announce them.
    for (number, event) in [(4, "not JSON"), (5, r#"{"state":"paused","attempt":1,"at_ms":1}"#)] {
        redis::pipe()
            .xadd(&channel, format!("{number}-0"), &[("e", event)])
            .hset(key(&format!("job:{}", job.id)), "events", number)
            .publish(&channel, format!("{number} {event}"))
            .query_async::<()>(&mut raw)
            .await
            .unwrap();
    }
    lease.progress(&Progress::steps("denoise", 2, 3)).await.unwrap();
    lease.progress(&Progress::steps("denoise", 3, 3)).await.unwrap();
    lease.succeed(&result()).await.unwrap();
    assert_eq!(watch.collect::<Vec<_>>().await, [6, 7, 8]);
    let later = world.queue.watch(job.id, Some(EventId(3))).map(|item| item.unwrap().0.0);
    assert_eq!(later.collect::<Vec<_>>().await, [6, 7, 8]);
}

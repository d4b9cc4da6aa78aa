//! The outbox of domain events.

use crate::world::{LONG, World, failure, job, key, make_due, result, take};
use domain::{BatchId, Class, Job, JobId, JobState, Progress};
use queue::{DomainEvent, OutboxEntry, Submission};
use redis::AsyncCommands;
use std::time::Duration;

fn events(entries: &[OutboxEntry]) -> Vec<DomainEvent> {
    entries.iter().map(|entry| entry.event.as_ref().unwrap().clone()).collect()
}

fn kinds(entries: &[OutboxEntry]) -> Vec<String> {
    events(entries).into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn the_outbox_records_all_transitions_and_progress_milestones() {
    let world = World::new().await;
    let (worker, outbox) = (world.worker(LONG).await, world.queue.outbox("usage", "one"));
    let batch = BatchId::new();
    let job = Job { batch: Some(batch), ..job() };
    world.queue.submit_batch(batch, &[Submission::from(job.clone())]).await.unwrap();
    take(&worker).await.fail(&failure(true)).await.unwrap();
    make_due(&mut world.raw().await, "delayed", job.id).await;
    world.queue.sweep().await.unwrap();
    let lease = take(&worker).await;
    for percent in [1, 24, 25, 26, 60, 99] {
        let fraction = f64::from(percent) / 100.0;
        lease.progress(&Progress { fraction, ..Progress::steps("denoise", percent, 100) }).await.unwrap();
    }
    lease.succeed(&result()).await.unwrap();
    world.queue.cancel(world.submit().await.id).await.unwrap();

    let entries = outbox.read(100, LONG, Duration::ZERO).await.unwrap();
    let seen_events: Vec<_> = events(&entries);
    let expected = [
        ("job.queued", JobState::Queued, 0, None),
        ("job.started", JobState::Running, 1, None),
        ("job.queued", JobState::Queued, 1, None),
        ("job.started", JobState::Running, 2, None),
        ("job.progress", JobState::Running, 2, Some(0.25)),
        ("job.progress", JobState::Running, 2, Some(0.5)),
        ("job.progress", JobState::Running, 2, Some(0.75)),
        ("job.succeeded", JobState::Succeeded, 2, None),
        ("job.queued", JobState::Queued, 0, None),
        ("job.cancelled", JobState::Cancelled, 0, None),
    ];
    let seen: Vec<_> =
        seen_events.iter().map(|one| (one.kind.as_str(), one.state, one.attempt, one.fraction)).collect();
    assert_eq!(seen, expected);
    assert_eq!((seen_events[0].job, seen_events[0].batch, seen_events[0].class), (job.id, Some(batch), Class::User));
    assert_eq!((seen_events[0].owner.as_str(), seen_events[9].batch), (job.owner.as_str(), None));
    let mut ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    ids.dedup();
    assert_eq!(ids.len(), entries.len(), "each entry has an id of its own");
}

#[tokio::test]
async fn each_group_receives_every_entry_once_among_its_consumers() {
    const STALE: Duration = Duration::from_millis(200);
    let world = World::new().await;
    let jobs: Vec<JobId> = [world.submit().await.id, world.submit().await.id, world.submit().await.id].to_vec();
    let (a, b) = (world.queue.outbox("webhooks", "a"), world.queue.outbox("webhooks", "b"));
    let taken = a.read(2, LONG, Duration::ZERO).await.unwrap();
    let rest = b.read(9, LONG, Duration::ZERO).await.unwrap();
    assert_eq!(events(&taken).iter().chain(&events(&rest)).map(|event| event.job).collect::<Vec<_>>(), jobs);
    a.ack(&[&taken[0].id]).await.unwrap();
    b.ack(&[&rest[0].id]).await.unwrap();
    tokio::time::sleep(STALE).await;
    let again = b.read(9, STALE, Duration::ZERO).await.unwrap();
    assert_eq!(events(&again)[0].job, jobs[1], "what was not acknowledged is delivered again");
    b.ack(&[&again[0].id]).await.unwrap();
    assert!(b.read(9, Duration::ZERO, Duration::ZERO).await.unwrap().is_empty());
    // Another group still receives every entry.
    let other = world.queue.outbox("usage", "a").read(9, LONG, Duration::ZERO).await.unwrap();
    assert_eq!(kinds(&other), ["job.queued", "job.queued", "job.queued"]);
    assert_eq!(world.raw().await.xlen::<_, u64>(key("outbox")).await.unwrap(), 3);
}

#[tokio::test]
async fn an_unreadable_entry_is_delivered_and_a_reader_waits_for_the_next() {
    let world = World::new().await;
    let outbox = world.queue.outbox("webhooks", "a");
    let mut raw = world.raw().await;
    raw.xadd::<_, _, _, _, ()>(key("outbox"), "*", &[("e", "{\"type\":7}")]).await.unwrap();
    world.submit().await;
    let newer = r#"{"type":"job.painted","job":"01890000-0000-7000-8000-000000000000","owner":"a","class":"user","state":"running","attempt":1,"at_ms":1,"colours":3}"#;
    raw.xadd::<_, _, _, _, ()>(key("outbox"), "*", &[("e", newer)]).await.unwrap();
    let read = outbox.read(9, LONG, Duration::ZERO).await.unwrap();
    assert!(read[0].event.is_err() && read[1].event.is_ok());
    assert_eq!(read[2].event.as_ref().unwrap().kind, "job.painted");
    outbox.ack(&read.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>()).await.unwrap();
    let (next, _) = tokio::join!(outbox.read(9, LONG, Duration::from_secs(10)), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.submit().await
    });
    assert_eq!(kinds(&next.unwrap()), ["job.queued"]);
}

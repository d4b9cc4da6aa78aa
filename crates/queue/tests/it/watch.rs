//! Watching jobs.

use crate::world::{LONG, World, failure, job, key, make_due, result, take};
use domain::JobState::{Cancelled, Failed, Queued, Running, Succeeded};
use domain::{JobEvent, JobState, Progress};
use futures_util::{Stream, StreamExt, pin_mut};
use queue::{Error, EventId};
use redis::AsyncCommands;
use std::time::Duration;
use tokio::time::timeout;

type Item = Result<(EventId, JobEvent), Error>;

/// All events up to the end of the stream.
async fn all(stream: impl Stream<Item = Item>) -> Vec<(u64, JobEvent)> {
    let events = stream.map(|item| item.map(|(id, event)| (id.0, event)).unwrap()).collect::<Vec<_>>();
    timeout(Duration::from_secs(20), events).await.expect("the stream ends")
}

fn states(events: &[(u64, JobEvent)]) -> Vec<(u64, JobState, u32)> {
    events.iter().map(|(id, event)| (*id, event.state, event.attempt)).collect()
}

#[tokio::test]
async fn a_watcher_receives_all_events_live_and_later_from_any_position() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let mut raw = world.raw().await;
    let job = world.submit().await;
    let watcher = tokio::spawn(all(world.queue.watch(job.id, None)));

    take(&worker).await.fail(&failure(true)).await.unwrap();
    make_due(&mut raw, "delayed", job.id).await;
    let lease = take(&worker).await;
    lease.progress(&Progress::steps("denoise", 1, 2)).await.unwrap();
    lease.progress(&Progress::stage("export")).await.unwrap();
    lease.succeed(&result()).await.unwrap();

    let events = watcher.await.unwrap();
    let expected = [
        (1, Queued, 0),
        (2, Running, 1),
        (3, Queued, 1),
        (4, Running, 2),
        (5, Running, 2),
        (6, Running, 2),
        (7, Succeeded, 2),
    ];
    assert_eq!(states(&events), expected);
    assert_eq!(events[2].1.failure, Some(failure(true)));
    assert_eq!(events[4].1.progress, Some(Progress::steps("denoise", 1, 2)));
    assert_eq!(events[6].1.result, Some(result()));
    assert!(events[1..].iter().is_sorted_by_key(|(_, event)| event.at_ms));

    for after in 0..=9 {
        let rest = all(world.queue.watch(job.id, Some(EventId(after)))).await;
        assert_eq!(rest, events[usize::min(after as usize, 7)..], "after {after}");
    }

    // The hash outlives the stream and still implies the last event.
    raw.del::<_, ()>(key(&format!("events:{}", job.id))).await.unwrap();
    let short = all(world.queue.watch(job.id, None)).await;
    assert_eq!(short, [events[0].clone(), events[1].clone(), events[6].clone()]);
    assert_eq!(all(world.queue.watch(job.id, Some(EventId(4)))).await, events[6..]);
    assert_eq!(all(world.queue.watch(job.id, Some(EventId(7)))).await, []);
}

#[tokio::test]
async fn the_last_event_is_the_terminal_state() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let (failed, cancelled) = (world.submit().await, world.submit().await);
    take(&worker).await.fail(&failure(false)).await.unwrap();
    world.queue.cancel(cancelled.id).await.unwrap();
    let events = all(world.queue.watch(failed.id, None)).await;
    assert_eq!(states(&events), [(1, Queued, 0), (2, Running, 1), (3, Failed, 1)]);
    assert_eq!(events[2].1.failure, Some(failure(false)));
    let events = all(world.queue.watch(cancelled.id, None)).await;
    assert_eq!(states(&events), [(1, Queued, 0), (2, Cancelled, 0)]);
}

#[tokio::test]
async fn an_unknown_job_cannot_be_watched() {
    let world = World::new().await;
    let watch = world.queue.watch(job().id, None);
    pin_mut!(watch);
    assert!(matches!(watch.next().await, Some(Err(Error::UnknownJob(_)))));
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn the_oldest_events_are_dropped_beyond_the_limit() {
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let job = world.submit().await;
    let lease = take(&worker).await;
    for step in 1..=300 {
        lease.progress(&Progress::steps("denoise", step, 300)).await.unwrap();
    }
    lease.succeed(&result()).await.unwrap();
    let events = all(world.queue.watch(job.id, None)).await;
    let numbers: Vec<u64> = events.iter().map(|(id, _)| *id).collect();
    assert_eq!((&numbers[..3], *numbers.last().unwrap()), (&[1, 2, 47][..], 303));
    assert_eq!(numbers.len(), 259);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_watchers_share_one_connection() {
    const JOBS: usize = 50;
    const WATCHERS: usize = 20;
    let world = World::new().await;
    let worker = world.worker(LONG).await;
    let mut jobs = Vec::new();
    for _ in 0..JOBS {
        jobs.push(world.submit().await);
    }
    let mut watchers = Vec::new();
    for job in &jobs {
        watchers.extend((0..WATCHERS).map(|_| tokio::spawn(all(world.queue.watch(job.id, None)))));
    }
    let mut raw = world.raw().await;
    test_support::wait_until("all jobs to be watched", Duration::from_secs(30), async || {
        let channels: Vec<String> = redis::cmd("PUBSUB").arg("CHANNELS").query_async(&mut raw).await.unwrap();
        channels.len() == JOBS
    })
    .await;
    let clients: String = redis::cmd("CLIENT").arg("LIST").query_async(&mut raw).await.unwrap();
    assert_eq!(clients.lines().filter(|line| line.contains(" cmd=subscribe") || line.contains(" sub=50")).count(), 1);
    assert!(clients.lines().count() < 10, "{clients}");

    for lease in worker.lease(JOBS, Duration::ZERO).await.unwrap() {
        lease.progress(&Progress::steps("denoise", 1, 2)).await.unwrap();
        lease.succeed(&result()).await.unwrap();
    }
    for watcher in watchers {
        let events = watcher.await.unwrap();
        assert_eq!(states(&events), [(1, Queued, 0), (2, Running, 1), (3, Running, 1), (4, Succeeded, 1)]);
    }
    test_support::wait_until("the channels to be unsubscribed", Duration::from_secs(30), async || {
        let channels: Vec<String> = redis::cmd("PUBSUB").arg("CHANNELS").query_async(&mut raw).await.unwrap();
        channels.is_empty()
    })
    .await;
}

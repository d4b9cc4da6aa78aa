//! Event streams.

use crate::world::World;
use domain::{Failure, JobId, MeshFormat, Progress};
use futures_util::StreamExt;
use reqwest::Response;
use serde_json::Value;
use std::time::Duration;

/// A client of an event stream.
struct Events {
    stream: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<bytes::Bytes>> + Send>>,
    text: String,
}

#[derive(Debug, PartialEq)]
enum Block {
    Event { kind: String, id: Option<u64>, data: Value },
    Comment,
    Retry,
}

impl Events {
    async fn open(world: &World, job: JobId, last: Option<u64>) -> Self {
        let request = world.get_job(job, "/events");
        let request = last.into_iter().fold(request, |request, last| request.header("last-event-id", last));
        Self::of(request.send().await.unwrap())
    }

    fn of(answer: Response) -> Self {
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        Self { stream: Box::pin(answer.bytes_stream()), text: String::new() }
    }

    async fn next(&mut self) -> Option<Block> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (read(block), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(Duration::from_secs(30), self.stream.next()).await.expect("it goes on");
            self.text.push_str(std::str::from_utf8(&chunk?.unwrap()).unwrap());
        }
    }

    /// The next event that is not the snapshot.
    async fn event(&mut self) -> (String, u64, Value) {
        loop {
            match self.next().await.expect("it goes on") {
                Block::Event { kind, id: Some(id), data } => return (kind, id, data),
                _ => continue,
            }
        }
    }

    /// All ids to the end.
    async fn ids(mut self) -> Vec<u64> {
        let mut ids = Vec::new();
        while let Some(block) = self.next().await {
            if let Block::Event { id: Some(id), .. } = block {
                ids.push(id);
            }
        }
        ids
    }
}

fn read(block: &str) -> Block {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    match (field("event: "), field("data: ")) {
        (Some(kind), Some(data)) => Block::Event {
            kind: kind.to_owned(),
            id: field("id: ").map(|id| id.parse().unwrap()),
            data: serde_json::from_str(data).unwrap(),
        },
        _ if block.starts_with(':') => Block::Comment,
        _ if block.starts_with("retry: ") => Block::Retry,
        _ => panic!("{block:?} is not an event"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_sees_the_whole_life_in_order() {
    let world = World::new().await;
    let job = world.submit().await;
    let mut events = Events::open(&world, job, None).await;
    assert_eq!(events.next().await, Some(Block::Retry));
    let Some(Block::Event { kind, id: None, data }) = events.next().await else { panic!("no snapshot") };
    assert_eq!((kind.as_str(), data), ("snapshot", world.view(job).await));

    let (kind, first, data) = events.event().await;
    assert_eq!((kind.as_str(), &data["status"]), ("state", &"queued".into()));
    let lease = world.worker().await.lease(1, Duration::from_secs(5)).await.unwrap().remove(0);
    assert_eq!(events.event().await.2["status"], "running");
    lease.progress(&Progress::stage("encode").with_fraction(0.02)).await.unwrap();
    let (kind, _, data) = events.event().await;
    assert_eq!((kind.as_str(), &data["stage"], &data["progress"]), ("progress", &"encode".into(), &0.02.into()));
    lease.progress(&Progress::steps("denoise", 10, 20)).await.unwrap();
    let (_, _, data) = events.event().await;
    assert_eq!((&data["step"], &data["steps"], &data["attempt"]), (&10.into(), &20.into(), &1.into()));
    let result = world.result(MeshFormat::GLB, b"glTF").await;
    lease.succeed(&result).await.unwrap();
    let (kind, last, data) = events.event().await;
    assert_eq!((kind.as_str(), &data["status"], &data["progress"]), ("state", &"succeeded".into(), &1.0.into()));
    assert_eq!(data["result"]["artifacts"][0]["digest"], result.artifacts[0].blob.as_str());
    assert_eq!(events.next().await, None, "it ends with the job");
    assert_eq!((first, last), (1, 5), "no event is left out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reconnects_gets_the_rest_or_204() {
    let world = World::new().await;
    let (job, lease) = world.running().await;
    for step in 1..=5 {
        lease.progress(&Progress::steps("denoise", step, 5)).await.unwrap();
    }
    lease.succeed(&world.result(MeshFormat::OBJ, b"v 0 0 0").await).await.unwrap();
    assert_eq!(Events::open(&world, job, None).await.ids().await, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(Events::open(&world, job, Some(3)).await.ids().await, [4, 5, 6, 7, 8]);
    assert_eq!(Events::open(&world, job, Some(7)).await.ids().await, [8]);
    let answer = world.get_job(job, "/events").header("last-event-id", 8).send().await.unwrap();
    assert_eq!(answer.status(), 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_and_new_attempts_are_events() {
    let world = World::new().await;
    let (job, lease) = world.running().await;
    let mut events = Events::open(&world, job, Some(2)).await;
    let failure = Failure { code: "worker_lost".into(), detail: "The worker was lost.".into(), retryable: true };
    lease.fail(&failure).await.unwrap();
    let (kind, _, data) = events.event().await;
    assert_eq!(
        (kind.as_str(), &data["status"], &data["failure"]["code"]),
        ("state", &"queued".into(), &"worker_lost".into())
    );
    world.queue.cancel(job).await.unwrap();
    assert_eq!(events.event().await.2["status"], "cancelled");
    assert_eq!(events.next().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_filled_with_comments() {
    let world = World::with(&["--heartbeat-seconds=1"]).await;
    let job = world.submit().await;
    let mut events = Events::open(&world, job, Some(1)).await;
    assert_eq!(events.next().await, Some(Block::Retry));
    assert!(matches!(events.next().await, Some(Block::Event { .. })));
    assert_eq!(events.next().await, Some(Block::Comment));
    assert_eq!(events.next().await, Some(Block::Comment));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_outlasts_a_restart_of_redis_without_a_gap() {
    let world = World::new().await;
    let (job, lease) = world.running().await;
    let mut events = Events::open(&world, job, None).await;
    assert_eq!(events.event().await.1, 1);
    assert_eq!(events.event().await.1, 2);
    world.redis.pause();
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.redis.resume();
    lease.progress(&Progress::steps("denoise", 1, 2)).await.unwrap();
    assert_eq!(events.event().await.1, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_watchers_see_the_same() {
    let world = World::new().await;
    let job = world.submit().await;
    let mut watchers = Vec::new();
    for _ in 0..50 {
        watchers.push(Events::open(&world, job, None).await);
    }
    let metrics = world.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("orfeas_event_streams "), "{metrics}");
    let lease = world.worker().await.lease(1, Duration::from_secs(5)).await.unwrap().remove(0);
    for step in 1..=20 {
        lease.progress(&Progress::steps("denoise", step, 20)).await.unwrap();
    }
    lease.succeed(&world.result(MeshFormat::GLB, b"glTF").await).await.unwrap();
    let seen = futures_util::future::join_all(watchers.into_iter().map(Events::ids)).await;
    assert!(seen.iter().all(|ids| *ids == (1..=23).collect::<Vec<_>>()), "{seen:?}");
}

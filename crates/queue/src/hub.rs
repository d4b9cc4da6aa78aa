//! One subscriber for all watchers of a process.
//!
//! It holds one connection, on which Redis announces the events of watched jobs; a job with many watchers is announced
//! once. An announcement may be lost with its connection. Events are numbered without gaps, so a watcher that missed one
//! reads it from the stream of the job.

use crate::error::Error;
use crate::events::EventId;
use crate::keys::Keys;
use domain::{JobEvent, JobId};
use futures_util::StreamExt;
use redis::aio::PubSubSink;
use redis::{Msg, RedisResult};
use redis_client::{Connections, within};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Announcements that a slow watcher may be behind before it has to read the stream.
const BACKLOG: usize = 64;
/// Subscriptions of one round trip.
const BATCH: usize = 512;
/// How long a watcher waits at its start for the listener to subscribe.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection that does not answer within this time is given up.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
/// How often the connection is pinged: one that is dead does not report it.
const PING_EVERY: Duration = Duration::from_secs(5);
/// The pause before connecting again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a watcher receives.
#[derive(Debug, Clone)]
pub(crate) enum Note {
    Event(EventId, Arc<JobEvent>),
    /// Something may have been missed.
    Look,
}

/// The entry point of watchers.
pub(crate) struct Hub {
    topics: Topics,
    requests: mpsc::UnboundedSender<Request>,
}

/// The subscription of one watcher. The channel is unsubscribed with its last watcher.
pub(crate) struct Subscription {
    job: JobId,
    notes: broadcast::Receiver<Note>,
    topics: Topics,
    requests: mpsc::UnboundedSender<Request>,
}

type Topics = Arc<Mutex<HashMap<JobId, Topic>>>;

struct Topic {
    sender: broadcast::Sender<Note>,
    watchers: usize,
}

enum Request {
    Subscribe(JobId, oneshot::Sender<()>),
    Unsubscribe(JobId),
}

impl Hub {
    /// Starts the listener. It connects for the first watcher, and ends when the hub and all subscriptions are dropped.
    pub(crate) fn start(connections: Arc<Connections>, keys: Arc<Keys>) -> Self {
        let topics = Topics::default();
        let (requests, inbox) = mpsc::unbounded_channel();
        let listener = Listener { connections, keys, topics: Arc::clone(&topics), inbox, batch: Vec::new() };
        tokio::spawn(listener.run());
        Self { topics, requests }
    }

    /// Subscribes to the events of a job. When this returns, no later event is missed.
    pub(crate) async fn subscribe(&self, job: JobId) -> Result<Subscription, Error> {
        let notes = {
            let mut topics = lock(&self.topics);
            let new_topic = || Topic { sender: broadcast::channel(BACKLOG).0, watchers: 0 };
            let topic = topics.entry(job).or_insert_with(new_topic);
            topic.watchers += 1;
            topic.sender.subscribe()
        };
        let (topics, requests) = (Arc::clone(&self.topics), self.requests.clone());
        let subscription = Subscription { job, notes, topics, requests };
        let (confirm, confirmed) = oneshot::channel();
        let _ = self.requests.send(Request::Subscribe(job, confirm));
        match timeout(SUBSCRIBE_TIMEOUT, confirmed).await {
            Ok(Ok(())) => Ok(subscription),
            Ok(Err(gone)) => Err(Error::Unavailable(Box::new(gone))),
            Err(late) => Err(Error::Unavailable(Box::new(late))),
        }
    }
}

impl Subscription {
    /// The next note. A watcher that fell too far behind gets [`Note::Look`].
    pub(crate) async fn next(&mut self) -> Note {
        self.notes.recv().await.unwrap_or(Note::Look)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = lock(&self.topics);
        if let Some(topic) = topics.get_mut(&self.job) {
            topic.watchers -= 1;
            if topic.watchers == 0 {
                topics.remove(&self.job);
                let _ = self.requests.send(Request::Unsubscribe(self.job));
            }
        }
    }
}

struct Listener {
    connections: Arc<Connections>,
    keys: Arc<Keys>,
    topics: Topics,
    inbox: mpsc::UnboundedReceiver<Request>,
    /// Requests that were received and not yet answered; they outlast a connection.
    batch: Vec<Request>,
}

impl Listener {
    async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let is_idle = self.batch.is_empty() && lock(&self.topics).is_empty();
            if is_idle && self.inbox.recv_many(&mut self.batch, BATCH).await == 0 {
                return;
            }
            match self.listen(&mut pause).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(%error, "lost the connection that announces events, connecting again");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Listens until the connection breaks (an error) or no further request is possible.
    async fn listen(&mut self, pause: &mut Duration) -> Result<(), Error> {
        let (mut sink, mut messages) = self.connections.subscriber().await?.split();
        let watched: Vec<JobId> = lock(&self.topics).keys().copied().collect();
        self.subscribe(&mut sink, &watched).await?;
        for topic in lock(&self.topics).values() {
            let _ = topic.sender.send(Note::Look);
        }
        *pause = FIRST_PAUSE;
        let mut pings = interval(PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            self.answer(&mut sink).await?;
            tokio::select! {
                received = self.inbox.recv_many(&mut self.batch, BATCH) => {
                    if received == 0 {
                        return Ok(());
                    }
                }
                message = messages.next() => match message {
                    Some(message) => self.announce(&message),
                    None => return Err(Error::Unavailable("the connection was closed".into())),
                },
                _ = pings.tick() => answered(sink.ping::<redis::Value>()).await.map(drop)?,
            }
        }
    }

    /// Executes the requests received since the last time, and confirms them.
    async fn answer(&mut self, sink: &mut PubSubSink) -> Result<(), Error> {
        let wanted = |request: &Request| match request {
            Request::Subscribe(job, _) => Some(*job),
            Request::Unsubscribe(_) => None,
        };
        let wanted: Vec<JobId> = self.batch.iter().filter_map(wanted).collect();
        self.subscribe(sink, &wanted).await?;
        let mut unwanted = Vec::new();
        for request in std::mem::take(&mut self.batch) {
            match request {
                Request::Subscribe(_, confirm) => {
                    let _ = confirm.send(());
                }
                // The job may have another watcher by now.
                Request::Unsubscribe(job) if lock(&self.topics).contains_key(&job) => {}
                Request::Unsubscribe(job) => unwanted.push(self.keys.events(job)),
            }
        }
        if unwanted.is_empty() { Ok(()) } else { answered(sink.unsubscribe(unwanted)).await }
    }

    async fn subscribe(&self, sink: &mut PubSubSink, jobs: &[JobId]) -> Result<(), Error> {
        for jobs in jobs.chunks(BATCH) {
            let channels: Vec<String> = jobs.iter().map(|job| self.keys.events(*job)).collect();
            answered(sink.subscribe(channels)).await?;
        }
        Ok(())
    }

    fn announce(&self, message: &Msg) {
        let payload: String = message.get_payload().unwrap_or_default();
        let Some(job) = self.keys.job_of_channel(message.get_channel_name()) else { return };
        let event = payload.split_once(' ').and_then(|(id, json)| {
            Some(Note::Event(EventId(id.parse().ok()?), Arc::new(serde_json::from_str(json).ok()?)))
        });
        if let Some(topic) = lock(&self.topics).get(&job) {
            // One that cannot be read is skipped when the stream is read.
            let _ = topic.sender.send(event.unwrap_or(Note::Look));
        }
    }
}

async fn answered<T>(answer: impl Future<Output = RedisResult<T>>) -> Result<T, Error> {
    Ok(within(ANSWER_TIMEOUT, answer).await?)
}

fn lock(topics: &Topics) -> MutexGuard<'_, HashMap<JobId, Topic>> {
    topics.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

//! Watching a job: past events, then live ones.

use crate::error::Error;
use crate::events::EventId;
use crate::hub::{Note, Subscription};
use crate::queue::Queue;
use domain::{JobEvent, JobId};
use futures_util::{Stream, stream};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// A watcher that received nothing for this long reads the stream.
const LOOK_AFTER: Duration = Duration::from_secs(15);
/// The pause after the first failure to reach Redis; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

impl Queue {
    /// The events of a job after `after` (all without it), past ones first, then live ones. The stream ends after the
    /// terminal event. Once it has begun it outlasts a restart of Redis.
    ///
    /// Of more than 256 stored events the oldest are left out, and so are events that this version cannot read.
    ///
    /// # Errors
    /// The stream's items: [`Error::UnknownJob`], [`Error::Unavailable`] at the start, [`Error::Corrupt`]. It ends with
    /// the first one.
    pub fn watch(
        &self,
        job: JobId,
        after: Option<EventId>,
    ) -> impl Stream<Item = Result<(EventId, JobEvent), Error>> + Send + use<> {
        let last = after.unwrap_or(EventId(0));
        let watch =
            Watch { queue: self.clone(), job, last, ready: VecDeque::new(), subscription: None, is_over: false };
        stream::unfold(watch, |mut watch| async move { watch.next().await.map(|item| (item, watch)) })
    }
}

struct Watch {
    queue: Queue,
    job: JobId,
    /// The last event that was returned, or skipped because it cannot be read.
    last: EventId,
    ready: VecDeque<(EventId, JobEvent)>,
    subscription: Option<Subscription>,
    is_over: bool,
}

impl Watch {
    async fn next(&mut self) -> Option<Result<(EventId, JobEvent), Error>> {
        loop {
            if let Some((id, event)) = self.ready.pop_front() {
                self.last = id;
                self.is_over |= event.state.is_terminal();
                return Some(Ok((id, event)));
            }
            if self.is_over {
                return None;
            }
            if let Err(error) = self.fill().await {
                self.is_over = true;
                return Some(Err(error));
            }
        }
    }

    /// Waits until there is something to return, or the end.
    async fn fill(&mut self) -> Result<(), Error> {
        let Some(subscription) = &mut self.subscription else {
            // Subscribed first, then read: what happens in between is seen twice rather than missed.
            self.subscription = Some(self.queue.inner.hub.subscribe(self.job).await?);
            return self.read().await;
        };
        match timeout(LOOK_AFTER, subscription.next()).await {
            Ok(Note::Event(id, _)) if id <= self.last => Ok(()),
            Ok(Note::Event(id, event)) if id.0 == self.last.0 + 1 => {
                self.ready.push_back((id, Arc::unwrap_or_clone(event)));
                Ok(())
            }
            // A gap, too far behind, a new connection, or a long silence.
            _ => {
                let mut pause = FIRST_PAUSE;
                loop {
                    match self.read().await {
                        Err(error) if error.is_retryable() => sleep(pause).await,
                        result => return result,
                    }
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), Error> {
        let stored = self.queue.stored_events(self.job, self.last).await?;
        // Redis may have forgotten events of its last second; their numbers are used again.
        self.last = self.last.min(stored.latest);
        self.is_over = stored.is_final && stored.events.is_empty();
        if stored.events.is_empty() {
            self.last = self.last.max(stored.read_to);
        }
        self.ready.extend(stored.events);
        Ok(())
    }
}

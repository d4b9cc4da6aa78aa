//! Server-sent events (the HTML standard, section 9.2): how an event is written, and a stream that never falls silent.

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use std::fmt::Display;
use std::time::Duration;
use telemetry::names;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long a client should wait before it comes back, in milliseconds.
const RETRY_MS: u32 = 1000;

/// Writes one event. JSON has no line breaks, so its data is one line.
pub(crate) fn event(kind: &str, id: Option<&dyn Display>, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("a view can be written as JSON. This is a bug.");
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("event: {kind}\n{id}data: {data}\n\n"))
}

/// The beginning of a stream.
pub(crate) fn opening() -> Bytes {
    Bytes::from(format!("retry: {RETRY_MS}\n\n"))
}

/// Passes `events` on until they end or `shutdown` comes, with a comment after each silence of `heartbeat`.
pub(crate) fn lively(
    events: impl Stream<Item = Bytes> + 'static,
    heartbeat: Duration,
    shutdown: CancellationToken,
) -> impl Stream<Item = Bytes> + 'static {
    let state = (Box::pin(events), Open::count());
    let stream = stream::unfold(state, move |(mut events, open)| async move {
        match timeout(heartbeat, events.next()).await {
            Ok(event) => event.map(|event| (event, (events, open))),
            Err(_) => Some((Bytes::from_static(b": still here\n\n"), (events, open))),
        }
    });
    stream.take_until(shutdown.cancelled_owned())
}

/// Counts an open stream until it is dropped.
struct Open;

impl Open {
    fn count() -> Self {
        metrics::gauge!(names::EVENT_STREAMS).increment(1);
        Self
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        metrics::gauge!(names::EVENT_STREAMS).decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn silence_is_filled_and_shutdown_ends_it() {
        let shutdown = CancellationToken::new();
        let events = stream::iter([Bytes::from_static(b"a")]).chain(stream::pending());
        let mut lively = Box::pin(lively(events, Duration::from_millis(40), shutdown.clone()));
        assert_eq!(lively.next().await.as_deref(), Some(&b"a"[..]));
        let begun = std::time::Instant::now();
        assert_eq!(lively.next().await.as_deref(), Some(&b": still here\n\n"[..]));
        assert_eq!(lively.next().await.as_deref(), Some(&b": still here\n\n"[..]));
        assert!(begun.elapsed() >= Duration::from_millis(80), "{:?}", begun.elapsed());
        shutdown.cancel();
        assert_eq!(lively.next().await, None);
    }

    #[test]
    fn an_event_is_one_block() {
        let text = event("state", Some(&7), &"two\nlines");
        assert_eq!(text, "event: state\nid: 7\ndata: \"two\\nlines\"\n\n");
    }
}

//! Server-sent events (the HTML standard, section 9.2): their encoding, and a stream with heartbeats.

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use serde::Serialize;
use std::fmt::Display;
use std::time::Duration;
use telemetry::names;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// The time after which a client should reconnect, in milliseconds.
const RETRY_MS: u32 = 1000;

/// Encodes one event. JSON has no line breaks, so its data is one line.
pub(crate) fn event(kind: &str, id: Option<&dyn Display>, data: &impl Serialize) -> Bytes {
    let data = serde_json::to_string(data).expect("a view can be written as JSON. This is a bug.");
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    Bytes::from(format!("event: {kind}\n{id}data: {data}\n\n"))
}

/// The start of a stream.
pub(crate) fn opening() -> Bytes {
    Bytes::from(format!("retry: {RETRY_MS}\n\n"))
}

/// `events` until they end or `shutdown` is cancelled, with a comment after each silence of `heartbeat`.
pub(crate) fn with_heartbeat(
    events: impl Stream<Item = Bytes> + 'static,
    heartbeat: Duration,
    shutdown: CancellationToken,
) -> impl Stream<Item = Bytes> + 'static {
    let state = (Box::pin(events), Open::count());
    let stream = stream::unfold(state, move |(mut events, open)| async move {
        match timeout(heartbeat, events.next()).await {
            Ok(event) => event.map(|event| (event, (events, open))),
            Err(_) => Some((Bytes::from_static(b": heartbeat\n\n"), (events, open))),
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
    async fn a_silence_is_filled_and_shutdown_ends_the_stream() {
        let shutdown = CancellationToken::new();
        let events = stream::iter([Bytes::from_static(b"a")]).chain(stream::pending());
        let mut stream = Box::pin(with_heartbeat(events, Duration::from_millis(40), shutdown.clone()));
        assert_eq!(stream.next().await.as_deref(), Some(&b"a"[..]));
        let begun = std::time::Instant::now();
        assert_eq!(stream.next().await.as_deref(), Some(&b": heartbeat\n\n"[..]));
        assert_eq!(stream.next().await.as_deref(), Some(&b": heartbeat\n\n"[..]));
        assert!(begun.elapsed() >= Duration::from_millis(80), "{:?}", begun.elapsed());
        shutdown.cancel();
        assert_eq!(stream.next().await, None);
    }

    #[test]
    fn an_event_is_one_block() {
        let text = event("state", Some(&7), &"two\nlines");
        assert_eq!(text, "event: state\nid: 7\ndata: \"two\\nlines\"\n\n");
    }
}

//! `GET .../jobs/{job_id}/events`: the events of a job as a stream.

use crate::sse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, get, web};
use bytes::Bytes;
use domain::JobEvent;
use futures_util::{StreamExt, stream};
use http_api::{ApiSurface, EventView, JobPath, JobView, OwnJob, Problem, codes};
use queue::{EventId, Queue};
use std::convert::Infallible;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Makes nginx pass events on unbuffered.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The silence after which an event stream sends a comment, so that no proxy closes it as idle.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeat(pub Duration);

impl Default for Heartbeat {
    /// 15 seconds.
    fn default() -> Self {
        Self(Duration::from_secs(15))
    }
}

/// One server-sent event. Its data is JSON: of `snapshot` a `JobView`, of `state` and `progress` an `EventView`, of
/// `error` a `Problem`.
#[derive(ToSchema)]
#[allow(dead_code)] // only described: `sse` writes it
struct ServerSentEvent {
    /// The kind.
    event: Kind,
    /// Its number within the job; a snapshot and an error have none.
    id: Option<String>,
    /// JSON.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// The kinds of events.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code)] // only described: `sse` writes it
enum Kind {
    /// The job as it is now.
    Snapshot,
    /// Its state has changed.
    State,
    /// A running job has progressed.
    Progress,
    /// The stream has broken off.
    Error,
}

/// Follow a job
///
/// A stream of server-sent events: first `snapshot` (the job as it is now, without an id), then every past and future event
/// as `state` or `progress`. The stream ends after the event that ends the job. A request with `Last-Event-ID` gets the
/// events after that one, or 204 if there will be none. An `error` event, whose data is a problem, means that the stream has
/// broken off: connect again.
#[utoipa::path(
    tag = "jobs",
    params(
        JobPath,
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that was received", pattern = "^[0-9]{1,18}$"),
    ),
    responses(
        (status = 200, description = "Server-sent events; the data of `state` and `progress` is an `EventView`, that of `snapshot` a `JobView`", body = ServerSentEvent, content_type = "text/event-stream"),
        (status = 204, description = "The job has ended, and its last event has been received"),
    )
)]
#[get("/jobs/{job_id}/events")]
pub(super) async fn events(
    api: ApiSurface,
    job: OwnJob,
    request: HttpRequest,
    queue: web::Data<Queue>,
    heartbeat: web::Data<Heartbeat>,
    shutdown: web::Data<CancellationToken>,
) -> Result<HttpResponse, Problem> {
    let after = last_event_id(&request)?;
    let (job_id, has_ended) = (job.0.id, job.0.state.is_terminal());
    let snapshot = sse::event("snapshot", None, &JobView::of(api, job.0));

    let mut events_after = Box::pin(queue.watch(job_id, after));
    let mut first = None;
    if has_ended && after.is_some() {
        // An `EventSource` reconnects until it gets 204.
        first = events_after.next().await;
        if first.is_none() {
            return Ok(HttpResponse::NoContent().finish());
        }
    }
    let events_after = stream::iter(first).chain(events_after).map(encode);
    let opening = stream::iter([sse::opening(), snapshot]);
    let stream = sse::with_heartbeat(opening.chain(events_after), heartbeat.0, shutdown.get_ref().clone());
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_ACCEL_BUFFERING, "no"))
        .streaming(stream.map(Ok::<Bytes, Infallible>)))
}

fn last_event_id(request: &HttpRequest) -> Result<Option<EventId>, Problem> {
    let Some(value) = request.headers().get(LAST_EVENT_ID) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| Problem::new(&codes::INVALID_EVENT_ID, "An event id is a whole number."))
}

/// An event as it is sent. The head of the response has been sent, so an error is an event too, and the last one.
fn encode(item: Result<(EventId, JobEvent), queue::Error>) -> Bytes {
    match item {
        Ok((id, event)) => {
            let event = EventView::from(event);
            sse::event(event.kind(), Some(&id), &event)
        }
        Err(error) => {
            let problem = match error {
                // An event of a newer version.
                queue::Error::Corrupt { .. } => {
                    Problem::new(&codes::JOB_UNREADABLE, "An event of the job cannot be read here.").because(error)
                }
                error => Problem::from(error),
            };
            problem.log("an event stream broke off");
            sse::event("error", None, &problem.body(None))
        }
    }
}

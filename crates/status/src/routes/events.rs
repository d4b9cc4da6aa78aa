//! `GET .../jobs/{job_id}/events`: what happens to a job, as it happens.

use super::job::view;
use crate::sse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName};
use actix_web::{HttpRequest, HttpResponse, get, web};
use bytes::Bytes;
use domain::JobEvent;
use futures_util::{Stream, StreamExt, stream};
use http_api::{ApiSurface, Authenticated, EventView, JobPath, Problem, codes, own_job};
use queue::{EventId, Queue};
use std::convert::Infallible;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Tells nginx to pass events on as they come.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The silence after which a stream of events sends a comment, so that nobody on the way takes it for dead.
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
    /// Its kind.
    event: Kind,
    /// Its number within the job, where it has one.
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
    /// All that is known of the job.
    Snapshot,
    /// It stands elsewhere now.
    State,
    /// It has come further.
    Progress,
    /// The stream broke off.
    Error,
}

/// Follow a job
///
/// A stream of server-sent events: first `snapshot` (all that is known, without an id), then every event there has been
/// and will be, as `state` or `progress`. It ends after the event that ends the job. Whoever comes back with
/// `Last-Event-ID` gets what came after it; if nothing more can come, the answer is 204. An `error` event, whose data is
/// a problem, means that the stream broke off: come back.
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
    caller: Authenticated,
    path: JobPath,
    request: HttpRequest,
    queue: web::Data<Queue>,
    heartbeat: web::Data<Heartbeat>,
    shutdown: web::Data<CancellationToken>,
) -> Result<HttpResponse, Problem> {
    let after = last_event_id(&request)?;
    let record = own_job(&queue, &caller, &path).await?;
    let (job_id, has_ended) = (record.job.id, record.state.is_terminal());
    let snapshot = sse::event("snapshot", None, &view(api, &queue, record).await?);

    let mut happening = Box::pin(queue.watch(job_id, after));
    let mut first = None;
    if has_ended && after.is_some() {
        // A browser comes back for ever unless it is told that there is no more.
        first = happening.next().await;
        if first.is_none() {
            return Ok(HttpResponse::NoContent().finish());
        }
    }
    let happening = stream::iter(first).chain(happening).map(written);
    let opening = stream::iter([sse::opening(), snapshot]);
    let lively = sse::lively(opening.chain(happening), heartbeat.0, shutdown.get_ref().clone());
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((X_ACCEL_BUFFERING, "no"))
        .streaming(infallible(lively)))
}

fn last_event_id(request: &HttpRequest) -> Result<Option<EventId>, Problem> {
    let Some(value) = request.headers().get(LAST_EVENT_ID) else { return Ok(None) };
    let id = value.to_str().ok().and_then(|text| text.parse().ok());
    id.map(Some).ok_or_else(|| Problem::new(&codes::INVALID_EVENT_ID, "An event id is a whole number."))
}

/// An event as it is sent. The head of the answer is long gone, so an error is an event too, and the last one.
fn written(item: Result<(EventId, JobEvent), queue::Error>) -> Bytes {
    match item {
        Ok((id, event)) => {
            let event = EventView::from(event);
            sse::event(event.kind(), Some(&id), &event)
        }
        Err(error) => {
            let problem = Problem::from(error);
            problem.log("an event stream broke off");
            sse::event("error", None, &problem.body(None))
        }
    }
}

fn infallible(stream: impl Stream<Item = Bytes>) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream.map(Ok)
}

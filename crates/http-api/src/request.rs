//! A request's id and its span.

use crate::clip::clip;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{Error, HttpMessage};
use tracing::Span;
use tracing::field::Empty;
use tracing_actix_web::RootSpanBuilder;
use uuid::Uuid;

/// The header that carries a request's id, both ways.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id that is accepted from a client.
const MAX_ID: usize = 64;
/// The longest path that is logged.
const MAX_PATH: usize = 256;
/// The longest method that is logged.
const MAX_METHOD: usize = 16;

/// A request's id: the client's own (from `x-request-id`) if it is short and plain, or else a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    fn of(request: &ServiceRequest) -> Self {
        let given = request.headers().get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
        // The id appears in log lines, so only letters, digits and a few marks are accepted.
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        match given {
            Some(id) if (1..=MAX_ID).contains(&id.len()) && id.bytes().all(plain) => Self(id.to_owned()),
            _ => Self(Uuid::now_v7().to_string()),
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("a request id is plain text. This is a bug.")
    }
}

/// Makes the span of each request.
pub(crate) struct RequestSpan;

impl RootSpanBuilder for RequestSpan {
    fn on_request_start(request: &ServiceRequest) -> Span {
        let id = RequestId::of(request);
        let route = request.match_pattern();
        let method = clip(request.method().to_string(), MAX_METHOD);
        let span = tracing::info_span!(
            "request",
            otel.name = format!("{method} {}", route.as_deref().unwrap_or("unmatched")),
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = method,
            url.path = clip(request.path().to_owned(), MAX_PATH),
            http.route = route,
            http.response.status_code = Empty,
            request.id = id.as_str(),
            trace_id = Empty,
            job.id = Empty,
            caller = Empty,
        );
        if let Some(parent) = request.headers().get("traceparent").and_then(|value| value.to_str().ok()) {
            telemetry::set_parent(&span, parent);
        }
        request.extensions_mut().insert(id);
        span
    }

    fn on_request_end<B: MessageBody>(span: Span, outcome: &Result<ServiceResponse<B>, Error>) {
        let status = match outcome {
            Ok(response) => response.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        span.record("http.response.status_code", status.as_u16());
        span.record("otel.status_code", if status.is_server_error() { "ERROR" } else { "OK" });
    }
}

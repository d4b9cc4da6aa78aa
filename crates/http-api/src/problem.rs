//! A problem: what an error response says (RFC 9457).

use crate::RequestId;
use crate::clip::clip;
use crate::codes::Kind;

use crate::request::X_REQUEST_ID;
use crate::seconds;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use actix_web::{HttpResponse, ResponseError};
use domain::Failure;
use serde::Serialize;
use std::fmt;
use std::time::Duration;
use utoipa::ToSchema;

/// The longest detail, in characters. Details may quote what a client sent, which has no bound of its own.
const MAX_DETAIL: usize = 600;
/// The longest name of a parameter.
const MAX_PARAMETER: usize = 128;
/// The longest chain of causes in the log.
const MAX_CAUSES: usize = 2000;

/// What went wrong with one request: a kind from the table, a sentence for the client, and the cause for the log only.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

/// Boxed, so that a handler's `Result` stays small.
#[derive(Debug)]
struct Parts {
    kind: &'static Kind,
    detail: String,
    parameter: Option<String>,
    failure: Option<Failure>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Seconds to wait, if not those of the table.
    retry_after: Option<u64>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    request: Option<RequestId>,
}

/// The body of an `application/problem+json` response.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// A URI that names the kind of problem; it ends in the code.
    #[schema(example = "urn:orfeas:problem:image_empty")]
    pub r#type: String,
    /// The kind of problem, for people. The same for every occurrence.
    pub title: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// The kind of problem, for programs. Stable.
    #[schema(example = "image_empty")]
    pub code: &'a str,
    /// What went wrong this time.
    pub detail: &'a str,
    /// What can be done about it.
    pub suggestion: &'a str,
    /// Whether the very same request may succeed later.
    pub retryable: bool,
    /// The parameter or field at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<&'a str>,
    /// Why the job failed, where that is the problem.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<&'a Failure>,
    /// The id of this request, also in the `x-request-id` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<&'a str>,
    /// The trace of this request, where it is traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

impl Problem {
    /// A problem of this kind; `detail` is one sentence for the client and names nothing internal. It is cut short if it is
    /// long, so that no value of a client is echoed whole.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            detail: clip(detail.into(), MAX_DETAIL),
            parameter: None,
            failure: None,
            headers: Vec::new(),
            retry_after: None,
            cause: None,
            request: None,
        }))
    }

    /// Keeps the cause for the log. Clients never see it.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Says how long to wait before trying again, rounded up to whole seconds, at least one.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.0.retry_after = Some(seconds(time).max(1));
        self
    }

    /// Names the part of the request that is at fault, such as `images[3]`.
    #[must_use]
    pub fn within(mut self, part: &str) -> Self {
        self.0.detail = clip(format!("{part}: {}", self.0.detail), MAX_DETAIL);
        let name = match &self.0.parameter {
            Some(name) => format!("{part}.{name}"),
            None => part.to_owned(),
        };
        self.with_parameter(name)
    }

    /// Names the parameter or field at fault.
    #[must_use]
    pub fn with_parameter(mut self, name: impl Into<String>) -> Self {
        self.0.parameter = Some(clip(name.into(), MAX_PARAMETER));
        self
    }

    /// Adds why the job failed.
    #[must_use]
    pub fn with_failure(mut self, failure: Failure) -> Self {
        self.0.failure = Some(failure);
        self
    }

    /// Adds a header to the response.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Binds it to a request, for a response that is made outside the middleware.
    pub(crate) fn of_request(mut self, id: Option<RequestId>) -> Self {
        if let Some(id) = &id {
            self.0.headers.push((X_REQUEST_ID, id.header()));
        }
        self.0.request = id;
        self
    }

    /// What went wrong this time.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// Its kind.
    pub fn kind(&self) -> &'static Kind {
        self.0.kind
    }

    /// The cause and the causes behind it, for the log.
    pub(crate) fn causes(&self) -> Option<String> {
        let first: &dyn std::error::Error = self.0.cause.as_deref()?;
        let chain = std::iter::successors(Some(first), |error| error.source());
        Some(clip(chain.map(ToString::to_string).collect::<Vec<_>>().join(": "), MAX_CAUSES))
    }

    /// Logs it: at level error if the server is at fault.
    pub fn log(&self, message: &'static str) {
        let (code, detail, causes) = (self.0.kind.code, &self.0.detail, self.causes());
        if self.0.kind.status >= 500 {
            tracing::error!(code, detail, causes, "{message}");
        } else {
            tracing::info!(code, detail, causes, "{message}");
        }
    }

    /// The body of the response.
    pub fn body<'a>(&'a self, request_id: Option<&'a str>) -> ProblemBody<'a> {
        let Kind { code, status, title, suggestion, retryable, .. } = self.0.kind;
        ProblemBody {
            r#type: format!("urn:orfeas:problem:{code}"),
            title,
            status: *status,
            code,
            detail: &self.0.detail,
            suggestion,
            retryable: *retryable,
            parameter: self.0.parameter.as_deref(),
            failure: self.0.failure.as_ref(),
            request_id,
            trace_id: telemetry::trace_id(),
        }
    }

    /// The response.
    pub(crate) fn response(&self, request: Option<&RequestId>) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for (name, value) in &self.0.headers {
            response.append_header((name.clone(), value.clone()));
        }
        if let Some(seconds) = self.0.retry_after.or(self.0.kind.retry_after.map(u64::from)) {
            response.insert_header((RETRY_AFTER, seconds));
        }
        response
            .insert_header((CONTENT_TYPE, "application/problem+json"))
            .json(self.body(request.map(RequestId::as_str)))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind.code, self.0.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.kind.status).expect("the table holds HTTP statuses. This is a bug.")
    }

    /// The middleware replaces this response by one with the request's id.
    fn error_response(&self) -> HttpResponse {
        self.response(self.0.request.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes;

    #[test]
    fn no_value_of_a_client_is_echoed_whole() {
        let long = "ä".repeat(1 << 20);
        let cause = std::io::Error::other(long.clone());
        let problem = Problem::new(&codes::INVALID_JSON, format!("invalid type: string {long:?}"));
        let problem = problem.with_parameter(long.clone()).within(&long).because(cause);
        let body = serde_json::to_string(&problem.body(None)).unwrap_or_default();
        assert!(body.len() < 3000, "{}", body.len());
        assert!(problem.detail().ends_with('…') && problem.causes().is_some_and(|causes| causes.len() < 5000));
    }
}

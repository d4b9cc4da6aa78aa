//! The middleware around every request: errors become problems, and each request is counted and logged once.

use crate::decisions::record_decision;
use crate::edge::SentRequest;
use crate::rate_limit::add_rate_limit_headers;
use crate::request::X_REQUEST_ID;
use crate::{Problem, RequestId, codes};
use actix_cors::CorsError;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderMap, VARY};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, HttpResponse};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Instant;
use telemetry::names;
use tracing::Span;

/// Turns every error of a handler, panics included, into a problem, adds the request id and the rate limit headers, and
/// counts and logs the response.
pub(crate) async fn middleware(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let record = RequestRecord::of(&request);
    if let Some(trace) = telemetry::trace_id() {
        Span::current().record("trace_id", trace);
    }
    let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    let problem = match outcome {
        Ok(Ok(response)) => return Ok(finish(response, &record)),
        // A handler's own problem is the error of a response, so what arrives here was made by the framework.
        Ok(Err(error)) => framework_problem(&error),
        Err(_) => Problem::new(&codes::INTERNAL, UNANSWERED).because("a handler panicked"),
    };
    // The request has been consumed, so the server makes the response from the error.
    record.refused(&problem);
    Err(problem.of_request(record.id).into())
}

const UNANSWERED: &str = "The request could not be answered.";

/// Completes a response; one that stands for an error is replaced by its problem.
fn finish(response: ServiceResponse<impl MessageBody + 'static>, record: &RequestRecord) -> ServiceResponse<BoxBody> {
    let error = response.response().error();
    let made = error.filter(|error| error.as_error::<Problem>().is_none()).map(framework_problem);
    let problem = made.as_ref().or_else(|| error?.as_error());
    record_decision(response.request(), problem, record.id.as_ref());
    let replacement = problem.map(|problem| {
        record.refused(problem);
        let mut replacement = problem.response(record.id.as_ref());
        keep_cors_headers(response.headers(), &mut replacement);
        replacement
    });
    let mut response = match replacement {
        Some(replacement) => ServiceResponse::new(response.into_parts().0, replacement),
        None => {
            record.answered(response.status());
            response.map_into_boxed_body()
        }
    };
    let request = response.request().clone();
    add_rate_limit_headers(&request, response.headers_mut());
    if let Some(id) = &record.id {
        response.headers_mut().insert(X_REQUEST_ID, id.header());
    }
    response
}

/// Without these headers a browser would hide the problem from the page that caused it.
fn keep_cors_headers(of: &HeaderMap, response: &mut HttpResponse) {
    for (name, value) in of.iter().filter(|(name, _)| *name == VARY || name.as_str().starts_with("access-control-")) {
        response.headers_mut().append(name.clone(), value.clone());
    }
}

/// The problem that stands for an error of the framework.
fn framework_problem(error: &Error) -> Problem {
    if error.as_error::<CorsError>().is_some() {
        let detail = "The preflight request names an origin, a method or a header that is not allowed here.";
        return Problem::new(&codes::BAD_REQUEST, detail).because(error.to_string());
    }
    match error.as_response_error().status_code() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(&codes::BODY_TOO_LARGE, "The body is larger than allowed."),
        status if status.is_client_error() => {
            Problem::new(&codes::BAD_REQUEST, "The request is malformed.").because(error.to_string())
        }
        _ => Problem::new(&codes::INTERNAL, UNANSWERED).because(error.to_string()),
    }
}

/// What is counted and logged of a request. This is the only place where a failed request is logged.
struct RequestRecord {
    id: Option<RequestId>,
    method: String,
    route: String,
    start: Instant,
}

impl RequestRecord {
    fn of(request: &ServiceRequest) -> Self {
        let sent = SentRequest::of(request.request());
        let method = match sent.method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
            _ => "other",
        };
        Self {
            id: request.extensions().get::<RequestId>().cloned(),
            method: method.to_owned(),
            // The pattern and not the path: the number of time series must not depend on clients.
            route: request.match_pattern().unwrap_or_else(|| "unmatched".to_owned()),
            start: Instant::now(),
        }
    }

    fn answered(&self, status: StatusCode) {
        let duration_ms = self.count(status);
        let status = status.as_u16();
        // Probes arrive every few seconds and would fill the log.
        if crate::probes::is_probe(&self.route) {
            tracing::debug!(status, duration_ms, "answered");
        } else {
            tracing::info!(status, duration_ms, "answered");
        }
    }

    fn refused(&self, problem: &Problem) {
        let status = StatusCode::from_u16(problem.kind().status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let duration_ms = self.count(status);
        let (status, code) = (status.as_u16(), problem.kind().code);
        let (detail, causes) = (problem.detail(), problem.causes());
        metrics::counter!(names::HTTP_PROBLEMS, "code" => code).increment(1);
        if status >= 500 {
            tracing::error!(status, duration_ms, code, detail, causes, "request failed");
        } else {
            tracing::info!(status, duration_ms, code, detail, causes, "request refused");
        }
    }

    /// Counts the response; returns the time it took in milliseconds.
    fn count(&self, status: StatusCode) -> f64 {
        let (method, route, elapsed) = (self.method.clone(), self.route.clone(), self.start.elapsed());
        let status = status.as_str().to_owned();
        metrics::histogram!(names::HTTP_REQUEST_SECONDS, "method" => method.clone(), "route" => route.clone())
            .record(elapsed);
        metrics::counter!(names::HTTP_REQUESTS, "method" => method, "route" => route, "status" => status).increment(1);
        elapsed.as_secs_f64() * 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::RequestSpan;
    use actix_web::body::to_bytes;
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, init_service, try_call_service};
    use actix_web::{App, HttpResponse, error, web};
    use serde_json::Value;
    use tracing_actix_web::TracingLogger;

    async fn panics() -> HttpResponse {
        panic!("secret: a handler went wrong")
    }

    async fn fails() -> Result<HttpResponse, Error> {
        Err(error::ErrorInternalServerError("secret: the disk is full"))
    }

    async fn too_much() -> Result<HttpResponse, Error> {
        Err(error::PayloadError::Overflow.into())
    }

    async fn gone() -> Result<HttpResponse, Problem> {
        Err(Problem::new(&codes::RESULT_GONE, "It is gone.").because("secret: swept"))
    }

    async fn body_is_a_string(_: web::Json<String>) -> &'static str {
        "fine"
    }

    /// What a client gets at `path`: the status, the request id in the header, and the body.
    async fn ask(path: &str) -> (u16, String, Value) {
        let app = App::new()
            .route("/panics", web::get().to(panics))
            .route("/fails", web::get().to(fails))
            .route("/too-much", web::get().to(too_much))
            .route("/gone", web::get().to(gone))
            .route("/json", web::get().to(body_is_a_string))
            .wrap(from_fn(middleware))
            .wrap(TracingLogger::<RequestSpan>::new());
        let app = init_service(app).await;
        let request = TestRequest::get().uri(path).insert_header(("x-request-id", "mine")).to_request();
        let answer = match try_call_service(&app, request).await {
            Ok(response) => response.into_parts().1.map_into_boxed_body(),
            // What the server does with an error that no middleware has answered.
            Err(error) => error.error_response(),
        };
        let header = |name| answer.headers().get(name).unwrap().to_str().unwrap().to_owned();
        let (status, id) = (answer.status().as_u16(), header("x-request-id"));
        assert_eq!(header("content-type"), "application/problem+json");
        let body = to_bytes(answer.into_body()).await.unwrap();
        (status, id, serde_json::from_slice(&body).unwrap())
    }

    #[actix_web::test]
    async fn every_failure_is_a_problem_with_the_requests_id_and_without_its_cause() {
        for (path, status, code) in [
            ("/panics", 500, "internal"),
            ("/fails", 500, "internal"),
            ("/too-much", 413, "body_too_large"),
            ("/gone", 410, "result_gone"),
            ("/json", 400, "bad_request"),
        ] {
            let (answered, id, body) = ask(path).await;
            assert_eq!((answered, body["code"].as_str()), (status, Some(code)), "{path}: {body}");
            assert_eq!((id.as_str(), &body["request_id"]), ("mine", &"mine".into()), "{path}");
            assert!(!body.to_string().contains("secret"), "{body}");
        }
    }
}

//! A running ORFEAS server: finding it, sending requests to it, and understanding its refusals.

mod options;

pub use options::ServerOptions;

use crate::Error;
use crate::http::{Http, reason};
use crate::session::Session;
use anyhow::Context;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::ErrorKind;
use std::time::{Duration, Instant};
use ureq::http::{Response, StatusCode};
use ureq::unversioned::multipart::Form;
use ureq::{Body, http};

/// Where the gateway is when nothing else is known.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// A connection on which nothing moves for this long is broken. Event streams carry a comment every 15 seconds.
const STALL: Duration = Duration::from_secs(60);

/// How long a request is repeated while the server is busy or cannot be reached.
const RETRY_FOR: Duration = Duration::from_secs(120);

/// Pause before a request is repeated when the server names none.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The largest JSON answer that is read.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// The body of a refusal (RFC 9457).
#[derive(Debug, Deserialize)]
struct Problem {
    detail: String,
    #[serde(default)]
    suggestion: Option<String>,
}

/// A server and the key that is sent to it. Its methods block.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    http: Http,
    gateway: String,
    status: String,
    authorization: String,
    /// Whether the address was read from the data directory of a running `orfeas up`.
    pub(crate) is_local: bool,
}

impl Server {
    /// Finds the server and the key.
    ///
    /// # Errors
    /// [`Error::Usage`] without a key.
    pub(crate) fn find(options: &ServerOptions) -> Result<Self, Error> {
        let session = if options.url.is_none() { Session::find(&options.data) } else { None };
        let gateway = match (&options.url, &session) {
            (Some(url), _) => url.clone(),
            (None, Some(session)) => session.gateway_url.clone(),
            (None, None) => DEFAULT_URL.to_owned(),
        };
        let status = match (&options.status_url, &session) {
            (Some(url), _) => url.clone(),
            (None, Some(session)) => session.status_url.clone(),
            (None, None) => gateway.clone(),
        };
        let is_local = session.is_some();
        let key = options.api_key.clone().or(session.map(|session| session.api_key)).ok_or_else(|| {
            let data = options.data.display();
            Error::Usage(format!(
                "no API key: give --api-key or ORFEAS_API_KEY; or --data, if `orfeas up` runs (it does not in {data})"
            ))
        })?;
        let authorization = format!("Bearer {}", key.trim());
        http::HeaderValue::from_str(&authorization)
            .map_err(|_| Error::Usage("the API key has characters that no key has".to_owned()))?;
        let http = Http::new(options.ca_file.as_deref(), STALL)?;
        Ok(Self { http, gateway, status, authorization, is_local })
    }

    /// The address of something that the gateway serves.
    pub(crate) fn gateway_url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.gateway)
    }

    /// The address of something that the status service serves.
    pub(crate) fn status_url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.status)
    }

    /// GET; repeated for a while when the server cannot be reached.
    pub(crate) fn get(&self, url: &str, headers: &[(&str, &str)]) -> Result<Response<Body>, Error> {
        self.get_while(url, headers, |_| true)
    }

    /// GET; an error when the server cannot be reached.
    pub(crate) fn get_once(&self, url: &str) -> Result<Response<Body>, Error> {
        self.get_while(url, &[], |_| false)
    }

    fn get_while(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        again: impl Fn(&ureq::Error) -> bool,
    ) -> Result<Response<Body>, Error> {
        self.send(url, again, || {
            let mut request = self.http.agent().get(url).header("authorization", &self.authorization);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            Ok(self.http.route(request, url)?.call())
        })
    }

    /// POST of a form. The key makes the request idempotent, so it is repeated when the connection breaks; it is not when
    /// there is no server at all.
    pub(crate) fn post<'a>(
        &self,
        url: &str,
        idempotency_key: &str,
        form: impl Fn() -> Form<'a>,
    ) -> Result<Response<Body>, Error> {
        let sent = self.send(
            url,
            |error| !is_absent(error),
            || {
                let request = self.http.agent().post(url).header("authorization", &self.authorization);
                let request = request.header("idempotency-key", idempotency_key);
                Ok(self.http.route(request, url)?.send(form()))
            },
        );
        match sent {
            // The server may have refused without reading the body; the refusal is lost when the connection breaks first.
            Err(error @ Error::Unavailable(_)) => match self.get_once(&self.gateway_url("limits")) {
                Err(refused @ Error::Refused(_)) => Err(refused),
                _ => Err(error),
            },
            sent => sent,
        }
    }

    /// DELETE, once and without waiting long.
    pub(crate) fn delete(&self, url: &str) -> Result<(), Error> {
        let request = self.http.agent().delete(url).header("authorization", &self.authorization);
        let request = self.http.route(request, url)?.config().timeout_global(Some(Duration::from_secs(5))).build();
        request.call().map(drop).map_err(|error| unreachable(url, &error))
    }

    /// Sends a request until it is answered; again when the server is busy and says when to come back, and after errors
    /// for which `again` holds.
    fn send(
        &self,
        url: &str,
        again: impl Fn(&ureq::Error) -> bool,
        request: impl Fn() -> Result<Result<Response<Body>, ureq::Error>, Error>,
    ) -> Result<Response<Body>, Error> {
        let start = Instant::now();
        loop {
            let pause = match request()? {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => match busy(&response) {
                    Some(pause) if start.elapsed() + pause < RETRY_FOR => pause,
                    _ => return Err(refused(url, response)),
                },
                Err(error) if is_transient(&error) && again(&error) && start.elapsed() < STALL => RETRY_PAUSE,
                Err(error) => return Err(unreachable(url, &error)),
            };
            std::thread::sleep(pause);
        }
    }
}

/// The answer's JSON.
pub(crate) fn json<T: DeserializeOwned>(response: Response<Body>) -> Result<T, Error> {
    let body = response.into_body().into_with_config().limit(MAX_JSON_BYTES).read_to_vec();
    let body = body.map_err(|error| Error::Unavailable(format!("the answer broke off: {}", reason(&error))))?;
    Ok(serde_json::from_slice(&body).context("the server's answer cannot be read; is it an ORFEAS server?")?)
}

/// How long a busy server asks to wait.
fn busy(response: &Response<Body>) -> Option<Duration> {
    let is_busy = matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    is_busy.then(|| Duration::from_secs(seconds))
}

/// A refusal in one line.
fn refused(url: &str, response: Response<Body>) -> Error {
    let status = response.status();
    if status.is_redirection() {
        let location = response.headers().get("location").and_then(|value| value.to_str().ok()).unwrap_or("elsewhere");
        return Error::Refused(format!("{url} redirects to {}; give that server with --url", location.escape_debug()));
    }
    let body = response.into_body().into_with_config().limit(MAX_JSON_BYTES).read_to_vec().unwrap_or_default();
    match serde_json::from_slice::<Problem>(&body) {
        Ok(Problem { detail, suggestion: Some(suggestion) }) => Error::Refused(format!("{detail} {suggestion}")),
        Ok(Problem { detail, suggestion: None }) => Error::Refused(detail),
        Err(_) => Error::Refused(format!("{url} answered {status}")),
    }
}

/// Whether the same request may succeed a moment later.
fn is_transient(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => matches!(
            error.kind(),
            ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
                | ErrorKind::UnexpectedEof
                | ErrorKind::TimedOut
        ),
        error => matches!(error, ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed | ureq::Error::Protocol(_)),
    }
}

/// Whether there is no server at the address.
fn is_absent(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Io(error) => error.kind() == ErrorKind::ConnectionRefused,
        error => matches!(error, ureq::Error::HostNotFound | ureq::Error::ConnectionFailed),
    }
}

/// The server cannot be reached, in one line.
fn unreachable(url: &str, error: &ureq::Error) -> Error {
    let uri: http::Uri = url.parse().unwrap_or_default();
    let origin = format!("{}://{}", uri.scheme_str().unwrap_or("http"), uri.authority().map_or("", |it| it.as_str()));
    Error::Unavailable(format!("{origin} cannot be reached: {}", reason(error)))
}

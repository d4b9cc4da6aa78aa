//! The HTTP API, as seen from outside.

use crate::Error;
use crate::session::Session;
use anyhow::Context;
use domain::{Failure, JobState, Parameters};
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, Response, StatusCode, multipart};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;

use super::options::ServerOptions;

/// Where the gateway is when nothing else is known.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// A service that does not answer within this is not there.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a request is sent again when the server says that it is busy.
const BUSY_RETRIES: u32 = 10;

/// An accepted job.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Accepted {
    /// The job's id.
    pub(super) job_id: String,
    /// Its place in line; one that was made before does not wait.
    pub(super) position: Option<u64>,
}

/// Where a job stands, as events and the job's address tell it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Standing {
    /// Its state.
    pub(super) status: JobState,
    /// Share that is done, 0 to 1.
    pub(super) progress: f64,
    /// What a running job is at.
    pub(super) stage: Option<String>,
    /// Denoising steps done.
    pub(super) step: Option<u32>,
    /// Denoising steps in all.
    pub(super) steps: Option<u32>,
    /// Place in line of a job that waits.
    pub(super) position: Option<u64>,
    /// The attempt it belongs to.
    pub(super) attempt: u32,
    /// Why it failed.
    pub(super) failure: Option<Failure>,
}

/// What the services say when they refuse (RFC 9457).
#[derive(Debug, Deserialize)]
struct Problem {
    detail: String,
    #[serde(default)]
    suggestion: Option<String>,
}

/// The two services.
#[derive(Debug, Clone)]
pub(super) struct Api {
    client: Client,
    gateway: String,
    status: String,
}

impl Api {
    /// Finds out where the services are and with which key they open.
    pub(super) fn new(options: &ServerOptions) -> Result<Self, Error> {
        let session = if options.url.is_none() { Session::find(&options.data) } else { None };
        let trimmed = |url: &String| url.trim_end_matches('/').to_owned();
        let gateway = match (&options.url, &session) {
            (Some(url), _) => trimmed(url),
            (None, Some(session)) => trimmed(&session.gateway_url),
            (None, None) => DEFAULT_URL.to_owned(),
        };
        let status = match (&options.status_url, &session) {
            (Some(url), _) => trimmed(url),
            (None, Some(session)) => trimmed(&session.status_url),
            (None, None) => gateway.clone(),
        };
        for url in [&gateway, &status] {
            if url.starts_with("https:") {
                return Err(Error::Usage(format!(
                    "{url}: this program speaks plain HTTP; let a proxy on this machine do TLS"
                )));
            }
        }
        let key = options.api_key.clone().or(session.map(|session| session.api_key)).ok_or_else(|| {
            Error::Usage("no API key: give --api-key or ORFEAS_API_KEY, or start `orfeas up` first".to_owned())
        })?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {key}"))
            .map_err(|_| Error::Usage("the API key has characters that no key has".to_owned()))?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(reqwest::header::AUTHORIZATION, bearer)]);
        let client = Client::builder()
            .default_headers(headers)
            .connect_timeout(Duration::from_secs(10))
            .build()
            .context("the HTTP client cannot be made")?;
        Ok(Self { client, gateway, status })
    }

    /// Sends a picture.
    pub(super) async fn submit(&self, picture: &Path, parameters: &Parameters) -> Result<Accepted, Error> {
        let bytes = tokio::fs::read(picture).await.with_context(|| picture.display().to_string())?;
        let bytes = bytes::Bytes::from(bytes);
        let name = picture.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let fields = serde_json::to_value(parameters).context("parameters")?;
        let url = format!("{}/api/v1/generate-3d", self.gateway);
        let form = || {
            let image = multipart::Part::stream(bytes.clone()).file_name(name.clone());
            let mut form = multipart::Form::new().part("image", image);
            for (name, value) in fields.as_object().into_iter().flatten() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                form = form.text(name.clone(), text);
            }
            self.client.post(&url).multipart(form).timeout(PATIENCE)
        };
        answer(self.send(form).await?).await
    }

    /// Where a job stands, with everything that is known of it.
    pub(super) async fn job(&self, id: &str) -> Result<serde_json::Value, Error> {
        let url = self.job_url(id, "");
        answer(self.send(|| self.client.get(&url).timeout(PATIENCE)).await?).await
    }

    /// Opens a job's stream of events, behind the event `after`; none when no more can come.
    pub(super) async fn events(&self, id: &str, after: Option<&str>) -> Result<Option<Response>, Error> {
        let url = self.job_url(id, "/events");
        let response = self
            .send(|| {
                let request = self.client.get(&url).header("accept", "text/event-stream");
                match after {
                    Some(after) => request.header("last-event-id", after),
                    None => request,
                }
            })
            .await?;
        Ok((response.status() != StatusCode::NO_CONTENT).then_some(response))
    }

    /// A file of a finished job: `result` or `thumbnail`.
    pub(super) async fn file(&self, id: &str, which: &str) -> Result<bytes::Bytes, Error> {
        let url = self.job_url(id, &format!("/{which}"));
        let response = self.send(|| self.client.get(&url)).await?;
        response.bytes().await.map_err(|error| unreachable(&error))
    }

    /// Withdraws a job. Nobody waits to hear that it could not be done.
    pub(super) async fn cancel(&self, id: &str) {
        let url = format!("{}/api/v1/jobs/{id}", self.gateway);
        let _ = self.client.delete(url).timeout(Duration::from_secs(5)).send().await;
    }

    fn job_url(&self, id: &str, more: &str) -> String {
        format!("{}/api/v1/jobs/{id}{more}", self.status)
    }

    /// Sends a request, and again when the server is busy and says when to come back.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, Error> {
        let mut retries = 0;
        loop {
            let response = request().send().await.map_err(|error| unreachable(&error))?;
            if response.status().is_success() {
                return Ok(response);
            }
            let is_busy = matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
            match seconds {
                Some(seconds) if is_busy && retries < BUSY_RETRIES => {
                    retries += 1;
                    tokio::time::sleep(Duration::from_secs(seconds)).await;
                }
                _ => return Err(refused(response).await),
            }
        }
    }
}

async fn answer<T: serde::de::DeserializeOwned>(response: Response) -> Result<T, Error> {
    let body = response.bytes().await.map_err(|error| unreachable(&error))?;
    Ok(serde_json::from_slice(&body).context("the server's answer cannot be read; is it an ORFEAS service?")?)
}

/// The server's refusal in one line.
async fn refused(response: Response) -> Error {
    let (status, url) = (response.status(), response.url().clone());
    let body = response.bytes().await.unwrap_or_default();
    match serde_json::from_slice::<Problem>(&body) {
        Ok(Problem { detail, suggestion: Some(suggestion) }) => Error::Refused(format!("{detail} {suggestion}")),
        Ok(Problem { detail, suggestion: None }) => Error::Refused(detail),
        Err(_) => Error::Refused(format!("{url} answered {status}")),
    }
}

/// The server is not there, in one line: the innermost cause says what is the matter.
fn unreachable(error: &reqwest::Error) -> Error {
    let place = error.url().map_or_else(String::new, |url| {
        let port = url.port_or_known_default().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
    });
    let first: &dyn std::error::Error = error;
    let last = std::iter::successors(Some(first), |error| error.source()).last().unwrap_or(first);
    Error::Unavailable(format!("{place} cannot be reached: {last}"))
}

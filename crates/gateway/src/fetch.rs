//! Fetches images by URL, where that is enabled.

use bytes::Bytes;
use clap::Args;
use egress::{Egress, Refused};
use http_api::{Problem, codes};
use std::sync::Arc;
use std::time::Duration;
use telemetry::names;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// Options for images that are fetched.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Images by URL")]
pub struct FetchOptions {
    /// Fetch images that a request names by the field `image_url`. Only hosts on the public internet are called, and
    /// those that --egress-allow names.
    #[arg(long, env = "ORFEAS_FETCH_URLS")]
    pub fetch_urls: bool,

    /// Maximum size of an image that is fetched.
    #[arg(long, env = "ORFEAS_FETCH_MAX_BYTES", value_name = "BYTES", default_value_t = 10 << 20)]
    pub fetch_max_bytes: usize,

    /// Seconds in which an image must have been fetched completely.
    #[arg(long, env = "ORFEAS_FETCH_TIMEOUT_SECONDS", value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=300))]
    pub fetch_timeout_seconds: u16,

    /// Maximum number of images that are fetched at once; others wait.
    #[arg(long, env = "ORFEAS_FETCHES", value_name = "N", default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub fetches: u16,
}

/// Fetches images.
#[derive(Clone)]
pub(crate) struct Fetcher {
    /// `None` when fetching is disabled.
    egress: Option<Egress>,
    max_bytes: usize,
    timeout: Duration,
    /// One permit for each fetch at a time.
    permits: Arc<Semaphore>,
}

impl Fetcher {
    pub(crate) fn new(options: &FetchOptions, egress: &Egress) -> Self {
        Self {
            egress: options.fetch_urls.then(|| egress.clone()),
            max_bytes: options.fetch_max_bytes,
            timeout: Duration::from_secs(options.fetch_timeout_seconds.into()),
            permits: Arc::new(Semaphore::new(options.fetches.into())),
        }
    }

    /// The maximum size of a file.
    pub(crate) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Fetches a file. Its memory is the caller's to account for.
    pub(crate) async fn fetch(&self, url: &str) -> Result<Bytes, Problem> {
        let Some(egress) = &self.egress else {
            return Err(problem(&codes::URL_NOT_ALLOWED, "Images are not fetched by URL here."));
        };
        // A URL that is refused by its text alone does not wait.
        egress.target(url).map_err(refused)?;
        let _permit = match timeout(self.timeout, self.permits.acquire()).await {
            Ok(Ok(permit)) => permit,
            _ => return Err(problem(&codes::OVERLOADED, "Too many images are being fetched at present.")),
        };
        let fetched = egress.get(url, self.max_bytes, self.timeout).await;
        let outcome = fetched.as_ref().map_or_else(Refused::reason, |_| "fetched");
        metrics::counter!(names::PICTURE_FETCHES, "outcome" => outcome).increment(1);
        fetched.map_err(refused)
    }
}

fn refused(refused: Refused) -> Problem {
    let kind = match &refused {
        Refused::Url(_) | Refused::Inside => &codes::URL_NOT_ALLOWED,
        Refused::TooLarge(_) => &codes::BODY_TOO_LARGE,
        refused if refused.is_retryable() => &codes::IMAGE_UNREACHABLE,
        _ => &codes::IMAGE_NOT_FOUND,
    };
    let detail = refused.to_string();
    problem(kind, &detail).because(refused)
}

fn problem(kind: &'static codes::Kind, detail: &str) -> Problem {
    Problem::new(kind, detail).with_parameter("image_url")
}

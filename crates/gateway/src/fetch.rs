//! Pictures by URL, where that is switched on.

use bytes::Bytes;
use clap::Args;
use egress::{Egress, Refused};
use http_api::{Problem, codes};
use std::sync::Arc;
use std::time::Duration;
use telemetry::names;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Pictures that are fetched.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pictures by URL")]
pub struct FetchOptions {
    /// Fetch pictures that a request names by the field `image_url`. Only what is on the public internet is called,
    /// and what --egress-allow names.
    #[arg(long, env = "ORFEAS_FETCH_URLS")]
    pub fetch_urls: bool,

    /// Most bytes of a picture that is fetched.
    #[arg(long, env = "ORFEAS_FETCH_MAX_BYTES", value_name = "BYTES", default_value_t = 10 << 20)]
    pub fetch_max_bytes: usize,

    /// Seconds in which a picture must have been fetched whole.
    #[arg(long, env = "ORFEAS_FETCH_TIMEOUT_SECONDS", value_name = "SECONDS", default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=300))]
    pub fetch_timeout_seconds: u16,

    /// Most fetched pictures that are in memory at once; others wait.
    #[arg(long, env = "ORFEAS_FETCHES", value_name = "N", default_value_t = 32,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub fetches: u16,
}

/// Fetches pictures.
pub(crate) struct Fetcher {
    /// Nothing is fetched without.
    egress: Option<Egress>,
    most: usize,
    time: Duration,
    permits: Arc<Semaphore>,
}

impl Fetcher {
    pub(crate) fn new(options: &FetchOptions, egress: &Egress) -> Self {
        Self {
            egress: options.fetch_urls.then(|| egress.clone()),
            most: options.fetch_max_bytes,
            time: Duration::from_secs(options.fetch_timeout_seconds.into()),
            permits: Arc::new(Semaphore::new(options.fetches.into())),
        }
    }

    /// The file behind a URL. It counts as in memory until its bytes are dropped.
    pub(crate) async fn fetch(&self, url: &str) -> Result<Bytes, Problem> {
        let Some(egress) = &self.egress else {
            return Err(problem(&codes::URL_NOT_ALLOWED, "Pictures are not fetched by URL here."));
        };
        // What is refused by its text alone does not wait.
        egress.target(url).map_err(refused)?;
        let permit = match timeout(self.time, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => permit,
            _ => return Err(problem(&codes::OVERLOADED, "No room was left to fetch the picture.")),
        };
        let fetched = egress.get(url, self.most, self.time).await;
        let outcome = fetched.as_ref().map_or_else(Refused::reason, |_| "fetched");
        metrics::counter!(names::PICTURE_FETCHES, "outcome" => outcome).increment(1);
        Ok(Bytes::from_owner(Held { bytes: fetched.map_err(refused)?, _permit: permit }))
    }
}

/// Bytes that count until they are dropped.
struct Held {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn refused(refused: Refused) -> Problem {
    let kind = match &refused {
        Refused::Url(_) | Refused::Inside => &codes::URL_NOT_ALLOWED,
        _ => &codes::IMAGE_UNREACHABLE,
    };
    problem(kind, &refused.to_string()).because(refused)
}

fn problem(kind: &'static codes::Kind, detail: &str) -> Problem {
    Problem::new(kind, detail).with_parameter("image_url")
}

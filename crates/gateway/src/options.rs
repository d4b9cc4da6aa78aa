//! Command-line options; `orfeas-gateway --help` is the manual.

use crate::fetch::FetchOptions;
use crate::gc::GcOptions;
use crate::memory::MemoryBudget;
use clap::{Args, Parser};
use egress::EgressOptions;
use http_api::ServiceOptions;
use picture::PictureLimits;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use webhooks::WebhookOptions;

/// Accepts images and puts jobs into the queue.
///
/// Every option can be set by the environment variable that is named with it, or by a line of that form in a file
/// `.env` in the working directory. The command line takes precedence over the environment, and that over the file.
#[derive(Debug, Clone, Parser)]
#[command(name = "orfeas-gateway", version)]
pub struct Options {
    /// Address to listen on, such as 127.0.0.1:8080 or localhost:8080. Port 0 takes any free port; the log line "listening"
    /// and --addr-file name it.
    #[arg(long, env = "ORFEAS_GATEWAY_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080",
        value_parser = http_api::listen_address)]
    pub listen: SocketAddr,

    /// File to write the bound address into, once requests are answered.
    #[arg(long, env = "ORFEAS_GATEWAY_ADDR_FILE", value_name = "FILE")]
    pub addr_file: Option<PathBuf>,

    /// Serve the routes of the status service too: one address for everything, without a proxy in front.
    #[arg(long, env = "ORFEAS_WITH_STATUS")]
    pub with_status: bool,

    /// Options of every service.
    #[command(flatten)]
    pub service: ServiceOptions,
    /// Bounds of requests.
    #[command(flatten)]
    pub requests: RequestOptions,
    /// Images by URL.
    #[command(flatten)]
    pub fetch: FetchOptions,
    /// Outgoing calls.
    #[command(flatten)]
    pub egress: EgressOptions,
    /// Webhooks.
    #[command(flatten)]
    pub webhooks: WebhookOptions,
    /// Minutes between two garbage collections of blobs that no job and no result refers to any more. 0: never.
    #[arg(long, alias = "blob-sweep-minutes", env = "ORFEAS_BLOB_GC_MINUTES", value_name = "MINUTES",
        default_value_t = 30.0, value_parser = minutes, help_heading = "Blobs")]
    pub blob_gc_minutes: f64,
}

/// Bounds of requests.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Requests")]
pub struct RequestOptions {
    /// Maximum bytes of a request's body. In JSON an image takes a third more than its file.
    #[arg(long, env = "ORFEAS_MAX_BODY_BYTES", value_name = "BYTES", default_value_t = 20 << 20)]
    pub max_body_bytes: usize,

    /// Maximum bytes of the body of a batch.
    #[arg(long, env = "ORFEAS_MAX_BATCH_BODY_BYTES", value_name = "BYTES", default_value_t = 80 << 20)]
    pub max_batch_body_bytes: usize,

    /// Seconds in which a body must have arrived completely.
    #[arg(long, env = "ORFEAS_BODY_TIMEOUT_SECONDS", value_name = "SECONDS", default_value_t = 60.0,
        value_parser = seconds)]
    pub body_timeout_seconds: f64,

    /// Memory that requests may take, in MiB: half of it for bodies and what is parsed from them, half for decoding
    /// images. Requests that find no room wait. A body counts two to three times; one that needs more than there is waits
    /// until it is alone.
    #[arg(long, env = "ORFEAS_REQUEST_MEMORY_MIB", value_name = "MIB", default_value_t = 1024,
        value_parser = clap::value_parser!(u32).range(16..=1 << 20))]
    pub request_memory_mib: u32,

    /// The model of requests that name none. Absent: the default model of the worker that takes the job.
    #[arg(long, env = "ORFEAS_DEFAULT_MODEL", value_name = "NAME", value_parser = model_name)]
    pub default_model: Option<String>,

    /// Maximum pixels of an image, width times height. Decoding takes up to 24 bytes for each; see --request-memory-mib.
    #[arg(long, env = "ORFEAS_MAX_PICTURE_PIXELS", value_name = "PIXELS", default_value_t = 40_000_000,
        value_parser = clap::value_parser!(u64).range(1..=PictureLimits::MAX.max_pixels))]
    pub max_picture_pixels: u64,

    /// Minimum pixels along either side of an image.
    #[arg(long, env = "ORFEAS_MIN_PICTURE_SIDE", value_name = "PIXELS", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(i64::from(PictureLimits::MAX.min_side)..))]
    pub min_picture_side: u32,

    /// Maximum number of images that are decoded at once to be checked; others wait. More than the processor has cores
    /// gains nothing.
    #[arg(long, env = "ORFEAS_PICTURE_CHECKS", value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub picture_checks: u16,
}

impl Options {
    pub(crate) fn gc(&self) -> Option<GcOptions> {
        let every = Duration::from_secs_f64(self.blob_gc_minutes * 60.0);
        (!every.is_zero()).then_some(GcOptions { every })
    }
}

impl RequestOptions {
    pub(crate) fn memory(&self) -> MemoryBudget {
        let timeout = Duration::from_secs_f64(self.body_timeout_seconds);
        let bytes = (self.request_memory_mib as usize) << 20;
        MemoryBudget::new(bytes, self.max_body_bytes, self.max_batch_body_bytes, timeout)
    }

    pub(crate) fn picture(&self) -> PictureLimits {
        PictureLimits { max_pixels: self.max_picture_pixels, min_side: self.min_picture_side, ..PictureLimits::MAX }
    }
}

fn model_name(text: &str) -> Result<String, String> {
    match text.trim() {
        name if (1..=crate::parse::MAX_MODEL_NAME).contains(&name.len()) => Ok(name.to_owned()),
        _ => Err("must be the name of a model".to_owned()),
    }
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(minutes) if (0.0..=1e6).contains(&minutes) => Ok(minutes),
        _ => Err("must be a number of minutes from 0 to 1000000".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.001..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("must be a number of seconds from 0.001 to 86400".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn every_option_is_explained_and_can_come_from_the_environment() {
        test_support::options_are_explained(Options::command());
    }
}

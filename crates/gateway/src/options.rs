//! What an operator may set: `orfeas-gateway --help` is the manual.

use crate::fetch::FetchOptions;
use crate::sweep::Sweeping;
use crate::transport::Rooms;
use clap::{Args, Parser};
use egress::EgressOptions;
use http_api::{BodyBounds, ServiceOptions};
use picture::PictureLimits;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use webhooks::WebhookOptions;

/// Takes pictures and puts jobs into the queue.
///
/// Every option can be set by the environment variable that is named with it, or by a line of that form in a file
/// `.env` in the working directory. The command line goes before the environment, and that before the file.
#[derive(Debug, Clone, Parser)]
#[command(name = "orfeas-gateway", version)]
pub struct Options {
    /// Address to listen on. Port 0 takes any free port; the log line "listening" and --addr-file tell which.
    #[arg(long, env = "ORFEAS_GATEWAY_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// File to write the bound address into, once requests are answered.
    #[arg(long, env = "ORFEAS_GATEWAY_ADDR_FILE", value_name = "FILE")]
    pub addr_file: Option<PathBuf>,

    /// Answer all that the status service answers, too: one address for everything, without a proxy in front.
    #[arg(long, env = "ORFEAS_WITH_STATUS")]
    pub with_status: bool,

    /// What every service is told.
    #[command(flatten)]
    pub service: ServiceOptions,
    /// What a request may hold.
    #[command(flatten)]
    pub intake: IntakeOptions,
    /// Pictures by URL.
    #[command(flatten)]
    pub fetch: FetchOptions,
    /// Calls to the outside.
    #[command(flatten)]
    pub egress: EgressOptions,
    /// Calls to tenants.
    #[command(flatten)]
    pub webhooks: WebhookOptions,
    /// Minutes between two sweeps for blobs that nobody needs any more: those that are older than --result-retention and
    /// than the oldest job that has not ended, and an hour more. 0: never.
    #[arg(long, env = "ORFEAS_BLOB_SWEEP_MINUTES", value_name = "MINUTES", default_value_t = 30.0,
        value_parser = minutes, help_heading = "Blobs")]
    pub blob_sweep_minutes: f64,
}

/// What a request may hold.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Requests")]
pub struct IntakeOptions {
    /// Most bytes of a request's body. In JSON a picture takes a third more room than its file.
    #[arg(long, env = "ORFEAS_MAX_BODY_BYTES", value_name = "BYTES", default_value_t = 20 << 20)]
    pub max_body_bytes: usize,

    /// Most bytes of the body of a batch. It counts for as many uploads as it is larger than --max-body-bytes.
    #[arg(long, env = "ORFEAS_MAX_BATCH_BODY_BYTES", value_name = "BYTES", default_value_t = 80 << 20)]
    pub max_batch_body_bytes: usize,

    /// Seconds in which a body must have arrived whole.
    #[arg(long, env = "ORFEAS_BODY_TIMEOUT_SECONDS", value_name = "SECONDS", default_value_t = 60.0,
        value_parser = seconds)]
    pub body_timeout_seconds: f64,

    /// Most bodies that are read at once; others wait, at most as long as a body may take. With --max-body-bytes it
    /// bounds the memory that requests can take.
    #[arg(long, env = "ORFEAS_UPLOADS", value_name = "N", default_value_t = 64,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub uploads: u16,

    /// Most pixels of a picture, width times height. Decoding takes up to 24 bytes for each; see --picture-memory-mib.
    #[arg(long, env = "ORFEAS_MAX_PICTURE_PIXELS", value_name = "PIXELS", default_value_t = 40_000_000,
        value_parser = clap::value_parser!(u64).range(1..=PictureLimits::MAX.max_pixels))]
    pub max_picture_pixels: u64,

    /// Fewest pixels along either side of a picture.
    #[arg(long, env = "ORFEAS_MIN_PICTURE_SIDE", value_name = "PIXELS", default_value_t = 16,
        value_parser = clap::value_parser!(u32).range(i64::from(PictureLimits::MAX.min_side)..))]
    pub min_picture_side: u32,

    /// Most pictures that are decoded at once to be checked; others wait. More than the processor has cores helps
    /// nobody.
    #[arg(long, env = "ORFEAS_PICTURE_CHECKS", value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub picture_checks: u16,

    /// Most memory that decoding pictures may take at once, in MiB; others wait. A picture that needs more than all of
    /// it is decoded alone, so it should hold one of --max-picture-pixels.
    #[arg(long, env = "ORFEAS_PICTURE_MEMORY_MIB", value_name = "MIB", default_value_t = 512,
        value_parser = clap::value_parser!(u32).range(16..=1 << 20))]
    pub picture_memory_mib: u32,
}

impl Options {
    pub(crate) fn sweeping(&self) -> Option<Sweeping> {
        let every = Duration::from_secs_f64(self.blob_sweep_minutes * 60.0);
        (!every.is_zero()).then_some(Sweeping { every })
    }
}

impl IntakeOptions {
    pub(crate) fn rooms(&self) -> Rooms {
        let timeout = Duration::from_secs_f64(self.body_timeout_seconds);
        let limits = |max_bytes| BodyBounds { max_bytes, timeout, min_rate: 0 };
        let batch = self.max_batch_body_bytes.max(self.max_body_bytes);
        Rooms::new(self.uploads, limits(self.max_body_bytes), limits(batch))
    }

    pub(crate) fn picture(&self) -> PictureLimits {
        PictureLimits { max_pixels: self.max_picture_pixels, min_side: self.min_picture_side, ..PictureLimits::MAX }
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

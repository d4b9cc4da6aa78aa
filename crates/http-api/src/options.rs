//! Command line options of a service.

use crate::{ApiSurface, Origin};
use access::AccessOptions;
use blobs::BlobOptions;
use clap::Args;
use clap::builder::BoolishValueParser;
use queue::RedisOptions;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use telemetry::TelemetryOptions;

/// The options of every service.
#[derive(Debug, Clone, Args)]
pub struct ServiceOptions {
    /// The server.
    #[command(flatten)]
    pub server: ServerOptions,
    /// The surfaces.
    #[command(flatten)]
    pub apis: ApiOptions,
    /// Authentication and limits.
    #[command(flatten)]
    pub access: AccessOptions,
    /// The queue.
    #[command(flatten, next_help_heading = "Queue")]
    pub redis: RedisOptions,
    /// The blob store.
    #[command(flatten, next_help_heading = "Blobs")]
    pub blobs: BlobOptions,
    /// Logs and traces.
    #[command(flatten)]
    pub telemetry: TelemetryOptions,
}

/// The address of a server.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The address to bind; port 0 takes any free port.
    pub listen: SocketAddr,
    /// File to write the bound address into.
    pub addr_file: Option<PathBuf>,
}

/// Parses an address to listen on. A host name stands for the first of its addresses.
///
/// # Errors
/// A line that says what is expected, or why the name cannot be resolved.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let mut addresses = text.to_socket_addrs().map_err(|error| format!("it must be HOST:PORT ({error})"))?;
    addresses.next().ok_or_else(|| "the host has no address".to_owned())
}

/// The options of a server.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerOptions {
    /// Threads that handle requests. Absent: one for each core.
    #[arg(long, env = "ORFEAS_HTTP_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub http_threads: Option<u16>,

    /// The most connections that each thread holds open at once; further ones wait to be accepted.
    #[arg(long, env = "ORFEAS_HTTP_CONNECTIONS", value_name = "N", default_value_t = 25_000)]
    pub http_connections: u32,

    /// On SIGTERM, seconds that running requests may take to end before they are cut off.
    #[arg(long, env = "ORFEAS_DRAIN_SECONDS", value_name = "SECONDS", default_value_t = 30)]
    pub drain_seconds: u16,

    /// Origin whose web pages may call the API (CORS), such as `https://studio.example`; several are separated by commas, `*`
    /// is any. Absent: none, and browsers keep responses from pages of other origins.
    #[arg(long, env = "ORFEAS_CORS_ORIGINS", value_name = "ORIGIN", value_delimiter = ',')]
    pub cors_origin: Vec<Origin>,
}

/// The surfaces that are served.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ApiOptions {
    /// Serve the API for programs at /api/agent. If false, its addresses are not found.
    #[arg(long, env = "ENABLE_AGENT_API", value_name = "BOOL", default_value_t = true,
        action = clap::ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub enable_agent_api: bool,
}

impl ApiOptions {
    /// The surfaces.
    pub fn served(&self) -> &'static [ApiSurface] {
        if self.enable_agent_api { &[ApiSurface::User, ApiSurface::Agent] } else { &[ApiSurface::User] }
    }
}

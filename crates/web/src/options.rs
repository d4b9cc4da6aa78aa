//! What an operator may set of a server.

use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Where a server listens.
#[derive(Debug, Clone)]
pub struct Binding {
    /// The address; port 0 takes any free port.
    pub listen: SocketAddr,
    /// File to write the bound address into.
    pub addr_file: Option<PathBuf>,
}

/// How a server serves and how it ends.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Server")]
pub struct ServerOptions {
    /// Threads that answer requests. Absent: one for each core.
    #[arg(long, env = "ORFEAS_HTTP_THREADS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub http_threads: Option<u16>,

    /// Most connections that each thread holds open at once; more wait to be accepted.
    #[arg(long, env = "ORFEAS_HTTP_CONNECTIONS", value_name = "N", default_value_t = 25_000)]
    pub http_connections: u32,

    /// On SIGTERM, seconds that running requests may take to end before they are cut off.
    #[arg(long, env = "ORFEAS_DRAIN_SECONDS", value_name = "SECONDS", default_value_t = 30)]
    pub drain_seconds: u16,
}

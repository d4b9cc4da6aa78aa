//! What an operator may set: `orfeas-status --help` is the manual.

use clap::Parser;
use http_api::ServiceOptions;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Tells where jobs stand and serves their results.
///
/// Every option can be set by the environment variable that is named with it, or by a line of that form in a file
/// `.env` in the working directory. The command line goes before the environment, and that before the file.
#[derive(Debug, Clone, Parser)]
#[command(name = "orfeas-status", version)]
pub struct Options {
    /// Address to listen on. Port 0 takes any free port; the log line "listening" and --addr-file tell which.
    #[arg(long, env = "ORFEAS_STATUS_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    pub listen: SocketAddr,

    /// File to write the bound address into, once requests are answered.
    #[arg(long, env = "ORFEAS_STATUS_ADDR_FILE", value_name = "FILE")]
    pub addr_file: Option<PathBuf>,

    /// Seconds after which a silent event stream sends a comment, so that nobody on the way takes it for dead.
    #[arg(long, env = "ORFEAS_HEARTBEAT_SECONDS", value_name = "SECONDS", default_value_t = 15,
        value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub heartbeat_seconds: u16,

    /// What every service is told.
    #[command(flatten)]
    pub service: ServiceOptions,
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

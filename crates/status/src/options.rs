//! Command-line options; `orfeas-status --help` is the manual.

use clap::Parser;
use http_api::ServiceOptions;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Reports the state of jobs and serves their results.
///
/// Every option can be set by the environment variable that is named with it, or by a line of that form in a file
/// `.env` in the working directory. The command line takes precedence over the environment, and that over the file.
#[derive(Debug, Clone, Parser)]
#[command(name = "orfeas-status", version)]
pub struct Options {
    /// Address to listen on, such as 127.0.0.1:8081 or localhost:8081. Port 0 takes any free port; the log line "listening"
    /// and --addr-file name it.
    #[arg(long, env = "ORFEAS_STATUS_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8081",
        value_parser = http_api::listen_address)]
    pub listen: SocketAddr,

    /// File to write the bound address into, once requests are answered.
    #[arg(long, env = "ORFEAS_STATUS_ADDR_FILE", value_name = "FILE")]
    pub addr_file: Option<PathBuf>,

    /// Seconds after which a silent event stream sends a comment, so that proxies do not close it as idle.
    #[arg(long, env = "ORFEAS_HEARTBEAT_SECONDS", value_name = "SECONDS", default_value_t = 15,
        value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub heartbeat_seconds: u16,

    /// Options of every service.
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

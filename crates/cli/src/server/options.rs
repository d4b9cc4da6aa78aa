//! Where the server is and with which key it is used.

use crate::http::base_url;
use clap::ArgMatches;
use clap::parser::ValueSource;
use std::path::PathBuf;

/// Where the server is.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct ServerOptions {
    /// Address of the gateway, such as `https://mesh.example` or localhost:8080 (without a scheme: http). Default: that of
    /// the `orfeas up` that runs in --data, else http://127.0.0.1:8080.
    #[arg(long, env = "ORFEAS_URL", value_name = "URL", value_parser = base_url)]
    pub url: Option<String>,

    /// Address of the status service. Default: that of the `orfeas up` that runs in --data if --url is absent, else the
    /// same as --url (as behind a reverse proxy).
    #[arg(long, env = "ORFEAS_STATUS_URL", value_name = "URL", value_parser = base_url)]
    pub status_url: Option<String>,

    /// API key. Default: that of the `orfeas up` that runs in --data, if --url is absent.
    #[arg(long, env = "ORFEAS_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub api_key: Option<String>,

    /// Data directory in which an `orfeas up` runs. On the command line it goes before addresses and keys of the
    /// environment.
    #[arg(long, env = "ORFEAS_DATA", value_name = "DIR", default_value = "data")]
    pub data: PathBuf,

    /// Certificates (PEM) that an https server is checked against, in place of those of the system.
    #[arg(long, env = "ORFEAS_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
}

impl ServerOptions {
    /// With --data on the command line, drops the address and the key that come from the environment: they may belong to
    /// another server.
    pub fn prefer_command_line(&mut self, matches: &ArgMatches) {
        let is_from = |id: &str, source: ValueSource| matches.value_source(id) == Some(source);
        if !is_from("data", ValueSource::CommandLine) || is_from("url", ValueSource::CommandLine) {
            return;
        }
        for (id, value) in
            [("url", &mut self.url), ("status_url", &mut self.status_url), ("api_key", &mut self.api_key)]
        {
            if is_from(id, ValueSource::EnvVariable) {
                *value = None;
            }
        }
    }
}

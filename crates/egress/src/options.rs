//! Options for operators.

use clap::Args;
use ipnet::IpNet;
use std::path::PathBuf;

/// Calls to URLs given by clients.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Outgoing calls")]
pub struct EgressOptions {
    /// Networks (CIDR) that may be called although they are not on the public internet, separated by commas: for
    /// intranets and tests. Loopback, private, link-local and other special addresses are refused otherwise.
    #[arg(long, env = "ORFEAS_EGRESS_ALLOW", value_name = "NETWORKS", value_delimiter = ',')]
    pub egress_allow: Vec<IpNet>,

    /// Ports that may be called, separated by commas.
    #[arg(long, env = "ORFEAS_EGRESS_PORTS", value_name = "PORTS", value_delimiter = ',', default_values_t = [80, 443])]
    pub egress_ports: Vec<u16>,

    /// File of additional certificates (PEM) to trust, besides those of the system.
    #[arg(long, env = "ORFEAS_EGRESS_CA_FILE", value_name = "FILE")]
    pub egress_ca_file: Option<PathBuf>,

    /// Maximum number of concurrent calls; further calls wait within their time limit.
    #[arg(long, env = "ORFEAS_EGRESS_CALLS", value_name = "N", default_value_t = 64,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub egress_calls: u16,
}

impl Default for EgressOptions {
    fn default() -> Self {
        Self { egress_allow: Vec::new(), egress_ports: vec![80, 443], egress_ca_file: None, egress_calls: 64 }
    }
}

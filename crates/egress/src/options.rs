//! What an operator may set.

use clap::Args;
use ipnet::IpNet;
use std::path::PathBuf;

/// Calls to URLs that strangers give.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Calls to the outside")]
pub struct EgressOptions {
    /// Networks (CIDR) that may be called though they are not on the public internet, separated by commas: for intranets
    /// and tests. Loopback, private, link-local and other special addresses are refused otherwise.
    #[arg(long, env = "ORFEAS_EGRESS_ALLOW", value_name = "NETWORKS", value_delimiter = ',')]
    pub egress_allow: Vec<IpNet>,

    /// Ports that may be called, separated by commas.
    #[arg(long, env = "ORFEAS_EGRESS_PORTS", value_name = "PORTS", value_delimiter = ',', default_values_t = [80, 443])]
    pub egress_ports: Vec<u16>,

    /// File of further certificates (PEM) to trust, beside those that the system trusts.
    #[arg(long, env = "ORFEAS_EGRESS_CA_FILE", value_name = "FILE")]
    pub egress_ca_file: Option<PathBuf>,

    /// Most calls at once; others wait, within their time.
    #[arg(long, env = "ORFEAS_EGRESS_CALLS", value_name = "N", default_value_t = 64,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub egress_calls: u16,
}

impl Default for EgressOptions {
    fn default() -> Self {
        Self { egress_allow: Vec::new(), egress_ports: vec![80, 443], egress_ca_file: None, egress_calls: 64 }
    }
}

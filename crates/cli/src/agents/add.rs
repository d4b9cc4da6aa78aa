//! `orfeas agents add`.

use super::network::network;
use super::{issued, limits};
use crate::{Error, terminal};
use access::{Mode, NewTenant, Overrides, Permission, Permissions, Registry, Tier};
use domain::Class;
use ipnet::IpNet;
use std::time::Duration;

/// The options of `orfeas agents add`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Its name, which is unique
    name: String,
    /// agent: a program that signs its requests; user: a person who sends a key
    #[arg(long, default_value = "agent")]
    class: Kind,
    /// Its tier: free, standard, pro or unlimited
    #[arg(long, default_value_t)]
    tier: Tier,
    /// A permission; repeat the option for several. Default: generate_3d, batch_generate, query_status and cancel; there
    /// is also admin
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<Permission>,
    /// A network that its requests may come from, IPv4 or IPv6; repeat the option for several. Default: any
    #[arg(long, value_name = "CIDR", value_parser = network)]
    allow: Vec<IpNet>,
    /// A limit in place of the tier's: requests_per_minute, queries_per_minute, max_active_jobs, max_running_jobs,
    /// max_queued_jobs, jobs_per_day, megapixels_per_day, max_batch_size, weight; repeat the option for several. 0 means
    /// no limit
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,
    /// Make a test key: its jobs are simulated
    #[arg(long)]
    test: bool,
    /// The key expires after this time, such as 90d or 12h. Default: never
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    Agent,
    User,
}

pub(super) async fn run(registry: &Registry, options: &Options) -> Result<(), Error> {
    terminal::must_be_open()?;
    let permissions = match options.permissions.as_slice() {
        [] => Permissions::default(),
        some => some.iter().copied().collect(),
    };
    let class = match options.class {
        Kind::Agent => Class::Agent,
        Kind::User => Class::User,
    };
    let new = NewTenant {
        tier: options.tier,
        permissions,
        overrides: Overrides::default().patched(&limits::patch(&options.limits)?)?,
        allow: options.allow.clone(),
        ..NewTenant::new(&options.name, class)
    };
    let mode = if options.test { Mode::Test } else { Mode::Live };
    issued::print(&registry.add(new, mode, options.expires).await?, options.json, "")
}

//! `orfeas agents add`.

use super::{limits, text};
use crate::Error;
use access::{Mode, NewTenant, Overrides, Permission, Permissions, Registry, Tier};
use domain::Class;
use ipnet::IpNet;
use std::time::Duration;

/// What `orfeas agents add` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// What people call it; no two have the same name
    name: String,
    /// A program, which signs its requests, or a person, who sends their key
    #[arg(long, default_value = "agent")]
    class: Kind,
    /// What it is given: free, standard, pro or unlimited
    #[arg(long, default_value_t)]
    tier: Tier,
    /// One thing that it may do; repeat it. Absent: generate_3d, batch_generate, query_status and cancel; there is also
    /// admin
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<Permission>,
    /// A network that it may ask from, v4 or v6; repeat it. Absent: from anywhere
    #[arg(long, value_name = "CIDR", value_parser = text::network)]
    allow: Vec<IpNet>,
    /// In place of the tier's limits, as name=value: requests_per_minute, queries_per_minute, max_active_jobs,
    /// max_running_jobs, max_queued_jobs, jobs_per_day, megapixels_per_day, max_batch_size, weight; repeat it. 0 means no
    /// limit
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,
    /// Make a test key: its jobs are played, never made
    #[arg(long)]
    test: bool,
    /// The key ends after this time, such as 90d or 12h. Absent: never
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
    text::issued(&registry.add(new, mode, options.expires).await?, options.json)
}

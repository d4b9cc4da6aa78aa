//! `orfeas agents add`.

use super::text;
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
    /// In place of the tier's limits, as name=value: requests_per_minute, max_active_jobs, max_running_jobs,
    /// max_queued_jobs, jobs_per_day, megapixels_per_day, max_batch_size, weight; repeat it. 0 means no limit
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
        overrides: overrides(&options.limits)?,
        allow: options.allow.clone(),
        ..NewTenant::new(&options.name, class)
    };
    let mode = if options.test { Mode::Test } else { Mode::Live };
    text::issued(&registry.add(new, mode, options.expires).await?, options.json)
}

/// Limits as they are written on the command line.
fn overrides(limits: &[String]) -> Result<Overrides, Error> {
    let pairs = limits.iter().map(|limit| {
        let pair =
            limit.split_once('=').and_then(|(name, value)| Some((name, value.parse::<serde_json::Number>().ok()?)));
        pair.ok_or_else(|| Error::Usage(format!("--limit {limit}: it must read NAME=NUMBER")))
    });
    let pairs: serde_json::Map<String, serde_json::Value> =
        pairs.map(|pair| pair.map(|(name, value)| (name.to_owned(), value.into()))).collect::<Result<_, _>>()?;
    serde_json::from_value(pairs.into()).map_err(|error| Error::Usage(format!("--limit: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_by_name() {
        let limits = ["jobs_per_day=7".to_owned(), "weight=0.5".to_owned()];
        let expected = Overrides { jobs_per_day: Some(7), weight: Some(0.5), ..Overrides::default() };
        assert_eq!(overrides(&limits).unwrap(), expected);
        for wrong in ["jobs_per_day", "jobs_per_day=many", "jobs_per_dya=7", "jobs_per_day=-1"] {
            assert_eq!(overrides(&[wrong.to_owned()]).unwrap_err().code(), 2, "{wrong}");
        }
    }
}

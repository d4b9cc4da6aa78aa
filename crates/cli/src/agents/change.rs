//! `orfeas agents change`.

use super::network::network;
use super::{limits, show};
use crate::Error;
use access::{Overrides, Permission, Permissions, Registry, Tier};
use ipnet::IpNet;

/// The options of `orfeas agents change`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Name or id
    agent: String,
    /// Its new name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Its new tier: free, standard, pro or unlimited
    #[arg(long)]
    tier: Option<Tier>,
    /// A permission; repeat the option for several. They replace all that it has: see `orfeas agents add --help`
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<Permission>,
    /// A network that its requests may come from, IPv4 or IPv6; repeat the option for several. They replace all that it
    /// has
    #[arg(long, value_name = "CIDR", value_parser = network)]
    allow: Vec<IpNet>,
    /// A limit in place of the tier's, or NAME=tier for that of the tier again; repeat the option for several. Limits that
    /// are not named stay
    #[arg(long = "limit", value_name = "NAME=VALUE")]
    limits: Vec<String>,
    /// Reset before the rest is set: permissions to the default, allow to any network, limits to those of the tier; repeat
    /// the option for several
    #[arg(long, value_name = "WHAT")]
    clear: Vec<Clear>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Clear {
    Permissions,
    Allow,
    Limits,
}

impl Options {
    fn is_empty(&self) -> bool {
        self.name.is_none()
            && self.tier.is_none()
            && self.permissions.is_empty()
            && self.allow.is_empty()
            && self.limits.is_empty()
            && self.clear.is_empty()
    }
}

pub(super) async fn run(registry: &Registry, options: &Options) -> Result<(), Error> {
    if options.is_empty() {
        return Err(Error::Usage(
            "nothing is to be changed: `orfeas agents change --help` lists what can be".to_owned(),
        ));
    }
    let limits = limits::patch(&options.limits)?;
    let id = registry.show(&options.agent).await?.tenant.id;
    let changed = registry.change(&id, |tenant| {
        for what in &options.clear {
            match what {
                Clear::Permissions => tenant.permissions = Permissions::default(),
                Clear::Allow => tenant.allow = Vec::new(),
                Clear::Limits => tenant.overrides = Overrides::default(),
            }
        }
        if let Some(name) = &options.name {
            tenant.name.clone_from(name);
        }
        if let Some(tier) = options.tier {
            tenant.tier = tier;
        }
        if !options.permissions.is_empty() {
            tenant.permissions = options.permissions.iter().copied().collect();
        }
        if !options.allow.is_empty() {
            tenant.allow.clone_from(&options.allow);
        }
        tenant.overrides = tenant.overrides.patched(&limits)?;
        Ok(())
    });
    let changed = changed.await?;
    show::run(registry, &show::Options { agent: changed.id.to_string(), json: options.json }).await
}

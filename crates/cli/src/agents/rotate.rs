//! `orfeas agents rotate`.

use super::issued;
use crate::{Error, terminal};
use access::{KeyId, Mode, Registry, Retire};
use std::time::Duration;

/// The options of `orfeas agents rotate`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Name or id
    agent: String,
    /// The key to replace. Default: all keys of the same mode
    #[arg(long, value_name = "KEY_ID", conflicts_with = "keep")]
    key: Option<KeyId>,
    /// Replace none: add a key
    #[arg(long)]
    keep: bool,
    /// How long the replaced keys stay valid
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration)]
    grace: Duration,
    /// Make a test key
    #[arg(long)]
    test: bool,
    /// The new key expires after this time, such as 90d. Default: never
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(registry: &Registry, options: &Options) -> Result<(), Error> {
    terminal::must_be_open()?;
    let shown = registry.show(&options.agent).await?;
    let retire = match &options.key {
        Some(key) => Retire::One(key.clone(), options.grace),
        None if options.keep => Retire::None,
        None => Retire::All(options.grace),
    };
    // The new key has the mode of the one that it replaces.
    let replaced = shown.keys.iter().find(|key| Some(&key.id) == options.key.as_ref());
    let mode = replaced.map_or(if options.test { Mode::Test } else { Mode::Live }, |key| key.mode);
    let new = registry.issue(&shown.tenant.id, mode, retire, options.expires).await?;
    let (old, grace) = (new.replaces.len(), humantime::format_duration(options.grace));
    let more = match old {
        0 => String::new(),
        1 => format!("\n1 old key works for another {grace}.\n"),
        _ => format!("\n{old} old keys work for another {grace}.\n"),
    };
    issued::print(&new, options.json, &more)
}

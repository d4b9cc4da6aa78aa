//! `orfeas agents rotate`.

use super::text;
use crate::Error;
use access::{KeyId, Mode, Registry, Retire};
use std::time::Duration;

/// What `orfeas agents rotate` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Name or id
    agent: String,
    /// The key to replace. Absent: all keys of the same mode
    #[arg(long, value_name = "KEY_ID", conflicts_with = "keep")]
    key: Option<KeyId>,
    /// Replace none: the new key stands beside the others
    #[arg(long)]
    keep: bool,
    /// How long the old keys go on working
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = humantime::parse_duration)]
    grace: Duration,
    /// Make a test key
    #[arg(long)]
    test: bool,
    /// The new key ends after this time, such as 90d. Absent: never
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(registry: &Registry, options: &Options) -> Result<(), Error> {
    let shown = registry.show(&options.agent).await?;
    let retire = match &options.key {
        Some(key) => Retire::One(key.clone(), options.grace),
        None if options.keep => Retire::None,
        None => Retire::All(options.grace),
    };
    // A key is replaced by one of its own mode.
    let replaced = shown.keys.iter().find(|key| Some(&key.id) == options.key.as_ref());
    let mode = replaced.map_or(if options.test { Mode::Test } else { Mode::Live }, |key| key.mode);
    let issued = registry.issue(&shown.tenant.id, mode, retire, options.expires).await?;
    text::issued(&issued, options.json)?;
    if !options.json && !issued.replaces.is_empty() {
        let (old, grace) = (issued.replaces.len(), humantime::format_duration(options.grace));
        println!("\n{old} old key{} for another {grace}.", if old == 1 { " works" } else { "s work" });
    }
    Ok(())
}

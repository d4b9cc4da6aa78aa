//! `orfeas agents revoke`.

use crate::{Error, terminal, text};
use access::{KeyId, Registry};
use serde_json::json;

/// The options of `orfeas agents revoke`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Name or id
    agent: String,
    /// The key to revoke. Default: the agent with all its keys
    #[arg(long, value_name = "KEY_ID")]
    key: Option<KeyId>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(registry: &Registry, options: &Options) -> Result<(), Error> {
    let tenant = registry.show(&options.agent).await?.tenant;
    match &options.key {
        Some(key) => registry.revoke_key(&tenant.id, key).await?,
        None => drop(registry.revoke(&tenant.id).await?),
    }
    if options.json {
        return text::json(&json!({ "tenant_id": tenant.id, "key_id": options.key, "revoked": true }));
    }
    terminal::print(&match &options.key {
        Some(key) => format!("{key} of {} is revoked.\n", tenant.name),
        None => format!("{} is revoked, with all its keys.\n", tenant.name),
    })
}

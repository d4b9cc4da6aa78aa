//! `orfeas agents revoke`.

use super::text;
use crate::Error;
use access::{KeyId, Registry};
use serde_json::json;

/// What `orfeas agents revoke` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Name or id
    agent: String,
    /// The key to revoke. Absent: the agent with all its keys
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
    match &options.key {
        Some(key) => println!("{key} of {} is revoked.", tenant.name),
        None => println!("{} is revoked, with all its keys.", tenant.name),
    }
    Ok(())
}

//! `orfeas agents show`.

use super::text;
use crate::{Error, table};
use access::{Registry, Shown};
use serde_json::json;

/// What `orfeas agents show` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Name or id
    pub(super) agent: String,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) async fn run(registry: &Registry, options: &Options) -> Result<(), Error> {
    let Shown { tenant, keys } = registry.show(&options.agent).await?;
    if options.json {
        return text::json(&json!({ "tenant": tenant, "limits": tenant.limits, "keys": keys }));
    }
    let all = |items: Vec<String>, none: &str| if items.is_empty() { none.to_owned() } else { items.join(", ") };
    let revoked = if tenant.disabled { " (revoked)" } else { "" };
    println!("{}  {}{revoked}", tenant.name, tenant.id);
    println!("class        {}", tenant.class.as_str());
    println!("tier         {}", tenant.tier);
    println!("may          {}", all(tenant.permissions.iter().map(|it| it.to_string()).collect(), "nothing"));
    println!("asks from    {}", all(tenant.allow.iter().map(ToString::to_string).collect(), "anywhere"));
    let limits = serde_json::to_value(tenant.limits).map_err(anyhow::Error::from)?;
    for (name, value) in limits.as_object().into_iter().flatten() {
        let value = if value == &json!(0) { "no limit".to_owned() } else { value.to_string() };
        println!("{name:<20} {value}");
    }
    println!();
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let state = match key {
                key if key.revoked_ms.is_some() => "revoked",
                key if !key.works => "expired",
                key if key.expires_ms.is_some() => "works until then",
                _ => "works",
            };
            let (made, ends, used) =
                (text::time(Some(key.created_ms)), text::time(key.expires_ms), text::time(key.used_ms));
            vec![key.id.to_string(), key.mode.as_str().to_owned(), made, ends, used, state.to_owned()]
        })
        .collect();
    table::print(&["KEY", "MODE", "MADE", "ENDS", "LAST USED", ""], &rows);
    Ok(())
}

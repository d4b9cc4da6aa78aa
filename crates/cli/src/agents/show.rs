//! `orfeas agents show`.

use crate::table::table;
use crate::text::time;
use crate::{Error, terminal, text};
use access::{Registry, Shown};
use serde_json::json;
use std::fmt::Write;

/// The options of `orfeas agents show`.
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
    let mut text = format!("{}  {}{revoked}\n", tenant.name, tenant.id);
    let _ = writeln!(text, "class        {}", tenant.class.as_str());
    let _ = writeln!(text, "tier         {}", tenant.tier);
    let _ =
        writeln!(text, "may          {}", all(tenant.permissions.iter().map(|it| it.to_string()).collect(), "nothing"));
    let _ = writeln!(text, "from         {}", all(tenant.allow.iter().map(ToString::to_string).collect(), "anywhere"));
    let limits = serde_json::to_value(tenant.limits).map_err(anyhow::Error::from)?;
    for (name, value) in limits.as_object().into_iter().flatten() {
        let value = if value == &json!(0) { "no limit".to_owned() } else { value.to_string() };
        let _ = writeln!(text, "{name:<20} {value}");
    }
    text.push('\n');
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let state = match key {
                key if key.revoked_ms.is_some() => "revoked",
                key if !key.works => "expired",
                key if key.expires_ms.is_some() => "works until then",
                _ => "works",
            };
            let [made, ends, used] = [Some(key.created_ms), key.expires_ms, key.used_ms].map(time);
            vec![key.id.to_string(), key.mode.as_str().to_owned(), made, ends, used, state.to_owned()]
        })
        .collect();
    terminal::print(&(text + &table(&["KEY", "MODE", "MADE", "EXPIRES", "LAST USED", ""], &rows)))
}

//! `orfeas agents list`.

use super::text;
use crate::{Error, table};
use access::Registry;

/// What `orfeas agents list` may be told.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Tenants that are asked for at once.
const PAGE: u32 = 500;

pub(super) async fn run(registry: &Registry, options: &Options) -> Result<(), Error> {
    let mut tenants = Vec::new();
    loop {
        let page = registry.list(tenants.last().map(|tenant: &access::Tenant| &tenant.id), PAGE).await?;
        if page.is_empty() {
            break;
        }
        tenants.extend(page);
    }
    if options.json {
        return text::json(&tenants);
    }
    let rows: Vec<Vec<String>> = tenants
        .iter()
        .map(|tenant| {
            vec![
                tenant.name.clone(),
                tenant.id.to_string(),
                tenant.class.as_str().to_owned(),
                tenant.tier.to_string(),
                text::time(Some(tenant.created_ms)),
                if tenant.disabled { "revoked" } else { "" }.to_owned(),
            ]
        })
        .collect();
    table::print(&["NAME", "ID", "CLASS", "TIER", "ADDED", ""], &rows);
    Ok(())
}

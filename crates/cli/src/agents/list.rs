//! `orfeas agents list`.

use crate::table::table;
use crate::{Error, terminal, text};
use access::Registry;

/// The options of `orfeas agents list`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Tenants of one request to the registry.
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
    terminal::print(&table(&["NAME", "ID", "CLASS", "TIER", "ADDED", ""], &rows))
}

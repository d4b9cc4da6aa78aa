//! How a new key is printed.

use crate::text::{json_text, time};
use crate::{Error, terminal};
use access::Issued;
use secrecy::ExposeSecret;
use serde_json::json;
use std::fmt::Write;

/// Prints a new key, which cannot be read later, and a further line.
///
/// # Errors
/// [`Error::Other`] when it cannot be written, also when the reader went away: the key is lost.
pub(super) fn print(issued: &Issued, as_json: bool, more: &str) -> Result<(), Error> {
    let text = if as_json { json_text(&fields(issued))? } else { lines(issued) + more };
    terminal::print(&text).map_err(|error| {
        let (name, key) = (&issued.tenant.name, &issued.key_id);
        let hint =
            "revoke it with `orfeas agents revoke NAME --key ID` and make another with `orfeas agents rotate NAME`";
        Error::Other(anyhow::anyhow!("the new key {key} of {name:?} is lost: {error}; {hint}"))
    })
}

fn fields(issued: &Issued) -> serde_json::Value {
    json!({
        "tenant": issued.tenant,
        "key_id": issued.key_id,
        "mode": issued.mode,
        "api_key": issued.api_key.expose_secret(),
        "signing_secret": issued.signing_secret.as_ref().map(ExposeSecret::expose_secret),
        "expires_ms": issued.expires_ms,
        "replaces": issued.replaces,
    })
}

fn lines(issued: &Issued) -> String {
    let tenant = &issued.tenant;
    let secret = issued.signing_secret.as_ref().map(ExposeSecret::expose_secret);
    let mut text = format!("{}  {}  {} {}\n", tenant.name, tenant.id, tenant.tier, tenant.class.as_str());
    let _ = writeln!(text, "key id          {}", issued.key_id);
    let _ = writeln!(text, "API key         {}", issued.api_key.expose_secret());
    if let Some(secret) = secret {
        let _ = writeln!(text, "signing secret  {secret}");
    }
    if issued.expires_ms.is_some() {
        let _ = writeln!(text, "expires         {}", time(issued.expires_ms));
    }
    let what = if secret.is_some() { "the key and the secret" } else { "the key" };
    let _ = writeln!(text, "\nKeep {what} now: they are not shown again.");
    text
}

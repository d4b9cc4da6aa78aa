//! How tenants and keys are printed.

use crate::{Error, terminal};
use access::Issued;
use ipnet::IpNet;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use std::fmt::Write;
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

/// Prints a new key, which cannot be read later, and a further line.
///
/// # Errors
/// [`Error::Other`] when it cannot be written, also when the reader went away: the key is lost.
pub(super) fn issued(issued: &Issued, as_json: bool, more: &str) -> Result<(), Error> {
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

/// Prints JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Error> {
    terminal::print(&json_text(value)?)
}

fn json_text(value: &impl Serialize) -> Result<String, Error> {
    Ok(serde_json::to_string_pretty(value).map_err(anyhow::Error::from)? + "\n")
}

/// `2026-11-20T09:30:00Z`, or nothing.
pub(super) fn time(ms: Option<u64>) -> String {
    let time = ms.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
    time.map(|time| humantime::format_rfc3339_seconds(time).to_string()).unwrap_or_default()
}

/// A network, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let one = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(one).ok_or_else(|| "it must be a network such as 10.0.0.0/8 or 2001:db8::/32".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_networks_have_their_usual_form() {
        assert_eq!(time(Some(1_750_000_000_123)), "2025-06-15T15:06:40Z");
        assert_eq!(time(None), "");
        assert_eq!(network("192.0.2.7").unwrap().to_string(), "192.0.2.7/32");
        assert_eq!(network("2001:db8::/32").unwrap().to_string(), "2001:db8::/32");
        assert!(network("192.0.2.0/33").is_err());
    }
}

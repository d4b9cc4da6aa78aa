//! How tenants and keys are told.

use crate::Error;
use access::Issued;
use ipnet::IpNet;
use secrecy::ExposeSecret;
use serde::Serialize;
use serde_json::json;
use std::net::IpAddr;
use std::time::{Duration, UNIX_EPOCH};

/// Prints a key that was just made: the only time that it can be seen.
pub(super) fn issued(issued: &Issued, as_json: bool) -> Result<(), Error> {
    let key = issued.api_key.expose_secret();
    let secret = issued.signing_secret.as_ref().map(ExposeSecret::expose_secret);
    if as_json {
        return json(&json!({
            "tenant": issued.tenant,
            "key_id": issued.key_id,
            "mode": issued.mode,
            "api_key": key,
            "signing_secret": secret,
            "expires_ms": issued.expires_ms,
            "replaces": issued.replaces,
        }));
    }
    let tenant = &issued.tenant;
    println!("{}  {}  {} {}", tenant.name, tenant.id, tenant.tier, tenant.class.as_str());
    println!("key id          {}", issued.key_id);
    println!("API key         {key}");
    if let Some(secret) = secret {
        println!("signing secret  {secret}");
    }
    if issued.expires_ms.is_some() {
        println!("ends            {}", time(issued.expires_ms));
    }
    println!("\nKeep {} now: they are not shown again.", if secret.is_some() { "key and secret" } else { "the key" });
    Ok(())
}

/// Prints JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Error> {
    println!("{}", serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?);
    Ok(())
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
    fn times_and_networks_read_as_usual() {
        assert_eq!(time(Some(1_750_000_000_123)), "2025-06-15T15:06:40Z");
        assert_eq!(time(None), "");
        assert_eq!(network("192.0.2.7").unwrap().to_string(), "192.0.2.7/32");
        assert_eq!(network("2001:db8::/32").unwrap().to_string(), "2001:db8::/32");
        assert!(network("192.0.2.0/33").is_err());
    }
}

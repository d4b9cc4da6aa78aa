//! Key lookup: one round trip, and always a candidate to verify.

use super::Registry;
use super::candidate::{Candidate, Reason};
use super::record::{Fields, KeyRecord};
use super::root::Opened;
use crate::{Error, KeyId, Tenant, tenant};
use std::time::{SystemTime, UNIX_EPOCH};

/// Minimum time between two updates of a key's last use, in milliseconds.
const USE_INTERVAL_MS: u64 = 60_000;

impl Registry {
    /// The candidate for an API key.
    ///
    /// # Errors
    /// [`Error::Unavailable`]. Works while Redis refuses writes.
    pub async fn find_by_key(&self, api_key: &str) -> Result<Candidate, Error> {
        self.find("hash", |opened| opened.vault.hash(api_key)).await
    }

    /// The candidate for a key id. An id proves nothing by itself; a signature must be verified.
    ///
    /// # Errors
    /// As [`find_by_key`](Self::find_by_key).
    pub async fn find_by_key_id(&self, key_id: &str) -> Result<Candidate, Error> {
        let id = key_id.parse::<KeyId>();
        // An invalid id is looked up as an unknown one.
        self.find("id", |opened| id.as_ref().unwrap_or(&opened.decoy.key.id).to_string()).await
    }

    /// Looks up by `hash` or by `id`. `value` depends on the root key of the registry.
    async fn find(&self, by: &str, value: impl Fn(&Opened) -> String) -> Result<Candidate, Error> {
        let mut retry = true;
        let (opened, value, now, id, fields, tenant) = loop {
            let opened = self.current.get();
            let value = value(&opened);
            let mut call = self.keys.call(&self.scripts.find);
            let (now, id, fields, tenant, root): (u64, String, Fields, Option<String>, String) =
                self.connections.script(call.arg(by).arg(&value)).await?;
            if root == opened.vault.id || !std::mem::take(&mut retry) {
                break (opened, value, now, id, fields, tenant);
            }
            self.agree_again().await?;
        };
        let presented = if by == "hash" { value } else { String::new() };
        let found = match (id.parse::<KeyId>(), tenant) {
            (Ok(id), Some(tenant)) => Some((KeyRecord::read(id, fields)?, tenant)),
            _ => None,
        };
        let known = found.is_some();
        let (key, tenant) = found.unwrap_or_else(|| (opened.decoy.key.clone(), opened.decoy.tenant.clone()));
        let tenant = self.tenant(&tenant)?;
        let flaw = if !known {
            Some(Reason::UnknownKey)
        } else if key.revoked.is_some() {
            Some(Reason::Revoked)
        } else if key.expires.is_some_and(|end| end <= now) {
            Some(Reason::Expired)
        } else if tenant.disabled {
            Some(Reason::Disabled)
        } else if presented.is_empty() && key.sealed.is_empty() {
            Some(Reason::NoSecret)
        } else {
            None
        };
        // Both clocks need not agree to the second: the note is coarse.
        let stale = key.used.is_none_or(|used| used.abs_diff(now_ms()) >= USE_INTERVAL_MS);
        Ok(Candidate { opened, key, tenant, presented, flaw, stale })
    }

    pub(super) fn tenant(&self, json: &str) -> Result<Tenant, Error> {
        let tenant: Tenant = serde_json::from_str(json).map_err(|_| Error::Corrupt("a tenant"))?;
        if tenant.v <= tenant::VERSION { Ok(tenant.resolve(&self.defaults)) } else { Err(Error::Corrupt("a tenant")) }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

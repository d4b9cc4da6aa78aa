//! Looking a key up: one round trip, and always somebody to verify.

use super::candidate::{Candidate, Reason};
use super::record::{Fields, KeyRecord};
use super::root::Opened;
use super::{Registry, tenant};
use crate::{Error, KeyId, Tenant};

/// The last use of a key is noted this often at most, in milliseconds.
const COARSE: u64 = 60_000;

impl Registry {
    /// Whoever shows this API key.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn find_by_key(&self, api_key: &str) -> Result<Candidate, Error> {
        self.find("hash", |opened| opened.vault.hash(api_key)).await
    }

    /// Whoever names the key of this id. An id alone proves nothing: only a signature does.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn find_by_key_id(&self, key_id: &str) -> Result<Candidate, Error> {
        let id = key_id.parse::<KeyId>();
        // What is no id is looked up as one that nobody has.
        self.find("id", |opened| id.as_ref().unwrap_or(&opened.decoy.key.id).to_string()).await
    }

    /// Looks up by `hash` or by `id`: that which there is to be looked up under a root key.
    async fn find(&self, by: &str, which: impl Fn(&Opened) -> String) -> Result<Candidate, Error> {
        let mut again = true;
        let (opened, which, now, id, fields, tenant) = loop {
            let opened = self.current.get();
            let which = which(&opened);
            let mut call = self.keys.call(&self.scripts.find);
            let (now, id, fields, tenant, root): (u64, String, Fields, Option<String>, String) =
                self.line.script(call.arg(by).arg(&which)).await?;
            if root == opened.vault.id || !std::mem::take(&mut again) {
                break (opened, which, now, id, fields, tenant);
            }
            self.agree_again().await?;
        };
        let presented = if by == "hash" { which } else { String::new() };
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
        let stale = key.used.is_none_or(|used| used + COARSE <= now);
        Ok(Candidate { opened, key, tenant, presented, flaw, stale })
    }

    pub(super) fn tenant(&self, json: &str) -> Result<Tenant, Error> {
        let tenant: Tenant = serde_json::from_str(json).map_err(|_| Error::Corrupt("a tenant"))?;
        if tenant.v == tenant::VERSION { Ok(tenant.resolve(&self.defaults)) } else { Err(Error::Corrupt("a tenant")) }
    }
}

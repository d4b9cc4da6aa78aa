//! Looking a key up: one round trip, and always somebody to verify.

use super::candidate::{Candidate, Reason};
use super::record::{Fields, KeyRecord};
use super::{Registry, tenant};
use crate::{Error, KeyId, Tenant};
use std::sync::Arc;

/// The last use of a key is noted this often at most, in milliseconds.
const COARSE: u64 = 60_000;

impl Registry {
    /// Whoever shows this API key.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn find_by_key(&self, api_key: &str) -> Result<Candidate, Error> {
        let hash = self.vault.hash(api_key);
        self.find("hash", &hash, hash.clone()).await
    }

    /// Whoever names the key of this id. An id alone proves nothing: only a signature does.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn find_by_key_id(&self, key_id: &str) -> Result<Candidate, Error> {
        // What is no id is looked up as one that nobody has.
        let id = key_id.parse::<KeyId>();
        let id = id.as_ref().map_or(self.decoy.key.id.as_str(), KeyId::as_str);
        self.find("id", id, String::new()).await
    }

    async fn find(&self, by: &str, which: &str, presented: String) -> Result<Candidate, Error> {
        let mut call = self.keys.call(&self.scripts.find);
        let (now, id, fields, tenant): (u64, String, Fields, Option<String>) =
            self.line.script(call.arg(by).arg(which)).await?;
        let found = match (id.parse::<KeyId>(), tenant) {
            (Ok(id), Some(tenant)) => Some((KeyRecord::read(id, fields)?, tenant)),
            _ => None,
        };
        let known = found.is_some();
        let (key, tenant) = found.unwrap_or_else(|| (self.decoy.key.clone(), self.decoy.tenant.clone()));
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
        Ok(Candidate {
            vault: Arc::clone(&self.vault),
            key,
            tenant,
            presented,
            flaw,
            decoy: Arc::clone(&self.decoy),
            stale,
        })
    }

    pub(super) fn tenant(&self, json: &str) -> Result<Tenant, Error> {
        let tenant: Tenant = serde_json::from_str(json).map_err(|_| Error::Corrupt("a tenant"))?;
        if tenant.v == tenant::VERSION { Ok(tenant.resolve(&self.defaults)) } else { Err(Error::Corrupt("a tenant")) }
    }
}

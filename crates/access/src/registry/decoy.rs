//! The tenant and the key that stand in for unknown keys.

use super::record::KeyRecord;
use crate::vault::Vault;
use crate::{Defaults, Error, KeyId, Limits, Mode, Permissions, Tenant, TenantId, Tier, tenant, token};
use domain::Class;
use secrecy::ExposeSecret;

/// A tenant and a key that no client has.
pub(super) struct Decoy {
    pub(super) key: KeyRecord,
    pub(super) tenant: String,
}

impl Decoy {
    pub(super) fn new(vault: &Vault) -> Result<Self, Error> {
        let (tenant, id) = (TenantId::new(Class::Agent)?, KeyId::new()?);
        let sealed = vault.seal(token::new_secret()?.expose_secret(), &tenant, &id)?;
        let hash = vault.hash(token::new_key(Mode::Live)?.expose_secret());
        let record = Tenant {
            v: tenant::VERSION,
            id: tenant.clone(),
            name: "decoy".to_owned(),
            class: Class::Agent,
            tier: Tier::Standard,
            permissions: Permissions::default(),
            overrides: Default::default(),
            allow: Vec::new(),
            disabled: false,
            created_ms: 0,
            limits: Limits::of(Class::Agent, Tier::Standard, &Default::default(), &Defaults::default()),
        };
        let key = KeyRecord {
            id,
            tenant,
            hash,
            mode: Mode::Live,
            sealed,
            created: 0,
            expires: None,
            revoked: None,
            used: None,
        };
        Ok(Self { key, tenant: serde_json::to_string(&record).map_err(|_| Error::Corrupt("a tenant"))? })
    }
}

//! All tenants and their keys, in Redis.
//!
//! | key | type | what it is |
//! | --- | --- | --- |
//! | `tenant:<id>` | string | a [`Tenant`] as JSON |
//! | `key:<id>` | hash | a key: `tenant`, `hash` (its HMAC), `mode`, `sealed` (its signing secret, sealed), `created`, and where it applies `expires`, `revoked`, `used` |
//! | `keys-of:<tenant>` | sorted set | the tenant's keys by the time of their making |
//! | `tenants` | sorted set | all tenants by the time of their coming |
//! | `names` | hash | name to tenant |
//! | `hashes` | hash | a key's HMAC to the key's id |
//! | `master` | string | fingerprint of the master key that all this was made with |
//!
//! All begin with a prefix and the hash tag `{access}`. Every change is one script (`scripts/`); each may arrive twice.
//! Nothing is cached: what is revoked is refused from the next look-up on. All times are those of the clock of Redis.

mod candidate;
mod change;
mod find;
mod keys;
mod manage;
mod record;

pub use candidate::{Candidate, Denied, Reason};
pub use manage::{Issued, KeyInfo, NewTenant, Retire, Shown};

use crate::limits::Limiter;
use crate::master::Vault;
use crate::{Defaults, Error, KeyId, MasterKey, Mode, Permissions, Tenant, TenantId, Tier, tenant, token};
use candidate::Decoy;
use domain::Class;
use keys::{Keys, Scripts};
use record::KeyRecord;
use redis_line::Connections;
use secrecy::ExposeSecret;
use std::fmt;
use std::sync::Arc;

/// All tenants and their keys. Clones share one connection.
#[derive(Clone)]
pub struct Registry {
    line: Arc<Connections>,
    prefix: Arc<str>,
    keys: Arc<Keys>,
    scripts: Arc<Scripts>,
    vault: Arc<Vault>,
    decoy: Arc<Decoy>,
    defaults: Defaults,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Registry {
    /// Opens the registry in the Redis at `redis_url`, under keys that begin with `prefix`. The first to come determines
    /// the master key.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Redis does not answer, and [`Error::OtherMasterKey`] when what is there was made with
    /// another master key.
    pub async fn connect(redis_url: &str, prefix: &str, master: &MasterKey, defaults: Defaults) -> Result<Self, Error> {
        let vault = Arc::new(Vault::new(master));
        let decoy = Arc::new(decoy(&vault)?);
        let registry = Self {
            line: Arc::new(Connections::new(redis_url, 1)?),
            prefix: prefix.into(),
            keys: Arc::new(Keys::new(prefix)),
            scripts: Arc::new(Scripts::new()),
            vault,
            decoy,
            defaults,
        };
        registry.enrol().await?;
        Ok(registry)
    }

    /// Makes sure that Redis answers, and that its tenants were registered with our master key.
    async fn enrol(&self) -> Result<(), Error> {
        let mut call = self.keys.call(&self.scripts.enrol);
        let found: String = self.line.script(call.arg(&self.vault.fingerprint)).await?;
        if found == self.vault.fingerprint { Ok(()) } else { Err(Error::OtherMasterKey) }
    }

    /// What counts requests and jobs of the same tenants, over the same connection.
    pub fn limiter(&self) -> Limiter {
        Limiter::over(Arc::clone(&self.line), &self.prefix)
    }

    /// What everybody of a class is given.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }
}

/// A tenant and a key that nobody has.
fn decoy(vault: &Vault) -> Result<Decoy, Error> {
    let (tenant, id) = (TenantId::new(Class::Agent)?, KeyId::new()?);
    let sealed = vault.seal(token::new_secret()?.expose_secret(), &tenant, &id)?;
    let hash = vault.hash(token::new_key(Mode::Live)?.expose_secret());
    let record = Tenant {
        v: tenant::VERSION,
        id: tenant.clone(),
        name: "nobody".to_owned(),
        class: Class::Agent,
        tier: Tier::Standard,
        permissions: Permissions::default(),
        overrides: Default::default(),
        allow: Vec::new(),
        disabled: false,
        created_ms: 0,
        limits: crate::Limits::of(Class::Agent, Tier::Standard, &Default::default(), &Defaults::default()),
    };
    let key =
        KeyRecord { id, tenant, hash, mode: Mode::Live, sealed, created: 0, expires: None, revoked: None, used: None };
    Ok(Decoy { key, tenant: serde_json::to_string(&record).map_err(|_| Error::Corrupt("a tenant"))? })
}

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
//! | `master` | string | id of the root key that all this was made with, a colon, and that key sealed under the master key |
//!
//! All begin with a prefix and the hash tag `{access}`. Every change is one script (`scripts/`); each may arrive twice.
//! Nothing is cached: what is revoked is refused from the next look-up on. All times are those of the clock of Redis.

mod candidate;
mod change;
mod find;
mod keys;
mod manage;
mod record;
mod root;

pub use candidate::{Candidate, Denied, Reason};
pub use manage::{Issued, KeyInfo, NewTenant, Retire, Shown};
pub(crate) use root::Current;
pub use root::Resealed;

use crate::limits::Limiter;
use crate::vault::Vault;
use crate::{Defaults, Error, KeyId, MasterKey, Mode, Permissions, Tenant, TenantId, Tier, tenant, token};
use candidate::Decoy;
use domain::Class;
use keys::{Keys, Scripts};
use record::KeyRecord;
use redis_client::Connections;
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
    master: MasterKey,
    current: Current,
    defaults: Defaults,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Registry {
    /// Opens the registry in the Redis at `redis_url`, under keys that begin with `prefix`.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Redis does not answer, and [`Error::OtherMasterKey`] when what is there was made with
    /// another master key.
    pub async fn connect(redis_url: &str, prefix: &str, master: &MasterKey, defaults: Defaults) -> Result<Self, Error> {
        let line = Arc::new(Connections::new(redis_url, 1)?);
        let (keys, scripts) = (Arc::new(Keys::new(prefix)), Arc::new(Scripts::new()));
        let current = Self::begin(&line, &keys, &scripts, master).await?;
        Ok(Self { line, prefix: prefix.into(), keys, scripts, master: master.clone(), current, defaults })
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

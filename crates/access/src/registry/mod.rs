//! The registry of tenants and their keys, in Redis.
//!
//! | key | type | content |
//! | --- | --- | --- |
//! | `tenant:<id>` | string | a [`Tenant`](crate::Tenant) as JSON |
//! | `key:<id>` | hash | a key: `tenant`, `hash` (its HMAC), `mode`, `sealed` (its sealed signing secret), `created`, and optionally `expires`, `revoked`, `used` |
//! | `keys-of:<tenant>` | sorted set | the tenant's keys by time of creation |
//! | `tenants` | sorted set | all tenants by time of creation |
//! | `names` | hash | name to tenant |
//! | `hashes` | hash | a key's HMAC to the key's id; `root`: id of the root key |
//! | `master` | string | id of the root key of the registry, a colon, and that key sealed under the master key |
//!
//! All keys start with a prefix and the hash tag `{access}`. Every change is one idempotent script (`scripts/`). Nothing
//! is cached: a revoked key is refused from the next lookup on. A lookup takes four Redis commands in one round trip.
//! Times are those of Redis's clock.

mod candidate;
mod change;
mod decoy;
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
use crate::{Defaults, Error, MasterKey};
use keys::{Keys, Scripts};
use redis_client::Connections;
use std::fmt;
use std::sync::Arc;

/// The registry of tenants and keys. Clones share one connection.
#[derive(Clone)]
pub struct Registry {
    connections: Arc<Connections>,
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
    /// [`Error::Unavailable`], [`Error::Unsupported`], and [`Error::OtherMasterKey`] if the registry was created with
    /// another master key.
    pub async fn connect(redis_url: &str, prefix: &str, master: &MasterKey, defaults: Defaults) -> Result<Self, Error> {
        let connections = Arc::new(Connections::new(redis_url, 1)?);
        check_version(&connections).await?;
        let (keys, scripts) = (Arc::new(Keys::new(prefix)), Arc::new(Scripts::new()));
        let current = Self::begin(&connections, &keys, &scripts, master).await?;
        Ok(Self { connections, prefix: prefix.into(), keys, scripts, master: master.clone(), current, defaults })
    }

    /// The limiter of the same tenants, on the same connection.
    pub fn limiter(&self) -> Limiter {
        Limiter::over(Arc::clone(&self.connections), &self.prefix)
    }

    /// Default limits of each class.
    pub fn defaults(&self) -> &Defaults {
        &self.defaults
    }
}

/// Refuses a Redis that cannot run the scripts. A server that does not permit `INFO` is not checked.
async fn check_version(connections: &Connections) -> Result<(), Error> {
    let info: redis::InfoDict = match connections.command(redis::cmd("INFO").arg("server")).await {
        Ok(info) => info,
        Err(redis_client::Error::Refused(error)) if error.code() == Some("NOPERM") => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let Some(found) = info.get::<String>("redis_version") else { return Ok(()) };
    match found.split('.').next().and_then(|major| major.parse::<u32>().ok()) {
        Some(major) if major < 7 => Err(Error::Unsupported { found }),
        _ => Ok(()),
    }
}

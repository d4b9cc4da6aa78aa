//! Management of tenants and keys.

use super::Registry;
use super::record::{Fields, KeyRecord};
use crate::{Error, KeyId, Mode, Overrides, Permissions, Tenant, TenantId, Tier, tenant, token};
use domain::Class;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest name, in characters.
const MAX_NAME: usize = 64;

/// Maximum number of active keys of a tenant; `MAX_KEYS` in `prelude.lua`.
const MAX_KEYS: u32 = 16;

/// A tenant to add.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Display name, unique.
    pub name: String,
    /// Program or person.
    pub class: Class,
    /// Its tier.
    pub tier: Tier,
    /// Its permissions.
    pub permissions: Permissions,
    /// Limits that replace those of its tier.
    pub overrides: Overrides,
    /// Networks it may connect from; empty: any.
    pub allow: Vec<IpNet>,
}

impl NewTenant {
    /// A tenant of the standard tier with the default permissions and without network restrictions.
    pub fn new(name: &str, class: Class) -> Self {
        Self {
            name: name.to_owned(),
            class,
            tier: Tier::default(),
            permissions: Permissions::default(),
            overrides: Overrides::default(),
            allow: Vec::new(),
        }
    }
}

/// A new key. Its secrets are only available here.
#[derive(Debug)]
pub struct Issued {
    /// Its tenant.
    pub tenant: Tenant,
    /// Its id.
    pub key_id: KeyId,
    /// Live or test.
    pub mode: Mode,
    /// The API key.
    pub api_key: SecretString,
    /// The secret that signs requests; users have none.
    pub signing_secret: Option<SecretString>,
    /// Expiry, in milliseconds since the Unix epoch.
    pub expires_ms: Option<u64>,
    /// The replaced keys, valid until their grace period ends.
    pub replaces: Vec<KeyId>,
}

/// Keys that a new key replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retire {
    /// None.
    None,
    /// All keys of the same mode, after a grace period.
    All(Duration),
    /// One key, after a grace period.
    One(KeyId, Duration),
}

/// Public properties of a key. Times are in milliseconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// Its id.
    pub id: KeyId,
    /// Live or test.
    pub mode: Mode,
    /// Whether it is valid now.
    pub works: bool,
    /// Time of creation.
    pub created_ms: u64,
    /// Expiry.
    pub expires_ms: Option<u64>,
    /// Last use, to about a minute.
    pub used_ms: Option<u64>,
    /// Time of revocation.
    pub revoked_ms: Option<u64>,
}

/// A tenant and its keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The tenant.
    pub tenant: Tenant,
    /// Its keys, oldest first; keys that ended long ago are omitted.
    pub keys: Vec<KeyInfo>,
}

impl Registry {
    /// Adds a tenant with its first key, which expires after `lifetime` if given.
    ///
    /// # Errors
    /// [`Error::NameTaken`], and [`Error::Invalid`] for invalid properties.
    pub async fn add(&self, new: NewTenant, mode: Mode, lifetime: Option<Duration>) -> Result<Issued, Error> {
        let name = check_name(&new.name)?;
        if new.class == Class::Test {
            return Err(Error::Invalid("a tenant is an agent or a user; test is what its keys can be"));
        }
        new.overrides.check()?;
        let tenant = Tenant {
            v: tenant::VERSION,
            id: TenantId::new(new.class)?,
            name: name.to_owned(),
            class: new.class,
            tier: new.tier,
            permissions: new.permissions,
            overrides: new.overrides,
            allow: new.allow,
            disabled: false,
            created_ms: now_ms(),
            limits: crate::Limits::of(new.class, new.tier, &new.overrides, self.defaults()),
        };
        let made = self.make(tenant, mode)?;
        let mut call = self.keys.call(&self.scripts.add);
        call.arg(made.tenant.id.as_str()).arg(json(&made.tenant)?).arg(&made.tenant.name);
        call.arg(made.key_id.as_str()).arg(&made.hash).arg(mode.as_str()).arg(&made.sealed).arg(millis(lifetime));
        match self.connections.script(&call).await? {
            0 => Err(Error::NameTaken(made.tenant.name)),
            at => Ok(made.issued(at, lifetime, Vec::new())),
        }
    }

    /// Issues another key for a tenant, which expires after `lifetime` if given. Replaced keys remain valid for the grace
    /// period, so a client that switches keys within it sees no downtime.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`], [`Error::UnknownKey`], [`Error::Disabled`] and [`Error::TooManyKeys`].
    pub async fn issue(
        &self,
        tenant: &TenantId,
        mode: Mode,
        retire: Retire,
        lifetime: Option<Duration>,
    ) -> Result<Issued, Error> {
        let tenant = self.show(tenant.as_str()).await?.tenant;
        if tenant.disabled {
            return Err(Error::Disabled(tenant.id));
        }
        let (which, grace) = match &retire {
            Retire::None => ("", None),
            Retire::All(grace) => ("*", Some(*grace)),
            Retire::One(key, grace) => (key.as_str(), Some(*grace)),
        };
        let made = self.make(tenant, mode)?;
        let mut call = self.keys.call(&self.scripts.issue);
        call.arg(made.tenant.id.as_str()).arg(made.key_id.as_str()).arg(&made.hash).arg(mode.as_str());
        call.arg(&made.sealed).arg(millis(lifetime)).arg(which).arg(millis(grace));
        let (at, leaving): (i64, Vec<String>) = self.connections.script(&call).await?;
        match (at, retire) {
            (-2, Retire::One(key, _)) => Err(Error::UnknownKey(key)),
            (-1, _) => Err(Error::TooManyKeys { max: MAX_KEYS }),
            (at, _) => {
                let at = u64::try_from(at).ok().filter(|&at| at > 0);
                let at = at.ok_or_else(|| Error::UnknownTenant(made.tenant.id.to_string()))?;
                let leaving = leaving.iter().map(|id| id.parse().map_err(|_| Error::Corrupt("a key's id")));
                Ok(made.issued(at, lifetime, leaving.collect::<Result<_, _>>()?))
            }
        }
    }

    /// Revokes one key with immediate effect.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] when the tenant has no such key.
    pub async fn revoke_key(&self, tenant: &TenantId, key: &KeyId) -> Result<(), Error> {
        let mut call = self.keys.call(&self.scripts.revoke);
        match self.connections.script(call.arg(tenant.as_str()).arg(key.as_str())).await? {
            0 => Err(Error::UnknownKey(key.clone())),
            _ => Ok(()),
        }
    }

    /// A tenant, by its id or its name, and its keys.
    ///
    /// # Errors
    /// [`Error::UnknownTenant`].
    pub async fn show(&self, id_or_name: &str) -> Result<Shown, Error> {
        let (now, tenant, keys) = self.read(id_or_name).await?;
        let tenant = tenant.ok_or_else(|| Error::UnknownTenant(id_or_name.to_owned()))?;
        let info = |(id, fields): (String, Fields)| {
            let id = id.parse().map_err(|_| Error::Corrupt("a key's id"))?;
            let key = KeyRecord::read(id, fields)?;
            let works = key.revoked.is_none() && key.expires.is_none_or(|end| end > now);
            Ok::<_, Error>(KeyInfo {
                id: key.id,
                mode: key.mode,
                works,
                created_ms: key.created,
                expires_ms: key.expires,
                used_ms: key.used,
                revoked_ms: key.revoked,
            })
        };
        Ok(Shown { tenant: self.tenant(&tenant)?, keys: keys.into_iter().map(info).collect::<Result<_, _>>()? })
    }

    /// Up to `limit` tenants, oldest first, starting after `after`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn list(&self, after: Option<&TenantId>, limit: u32) -> Result<Vec<Tenant>, Error> {
        let mut call = self.keys.call(&self.scripts.list);
        call.arg(after.map_or("", TenantId::as_str)).arg(limit);
        let tenants: Vec<String> = self.connections.script(&call).await?;
        tenants.iter().map(|json| self.tenant(json)).collect()
    }

    /// Records the use of a key. Needed only if the candidate [asks for it](crate::Candidate::is_stale); a failure may be
    /// ignored.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::ReadOnly`].
    pub async fn note_use(&self, key: &KeyId) -> Result<(), Error> {
        let mut call = self.keys.call(&self.scripts.used);
        Ok(self.connections.script::<u8>(call.arg(key.as_str())).await.map(drop)?)
    }

    pub(super) async fn read(&self, id_or_name: &str) -> Result<(u64, Option<String>, Vec<(String, Fields)>), Error> {
        let mut call = self.keys.call(&self.scripts.show);
        Ok(self.connections.script(call.arg(id_or_name)).await?)
    }

    fn make(&self, tenant: Tenant, mode: Mode) -> Result<NewKey, Error> {
        let (key_id, api_key) = (KeyId::new()?, token::new_key(mode)?);
        let opened = self.current.get();
        let signing_secret = if tenant.class == Class::Agent { Some(token::new_secret()?) } else { None };
        let sealed = match &signing_secret {
            Some(secret) => opened.vault.seal(secret.expose_secret(), &tenant.id, &key_id)?,
            None => Vec::new(),
        };
        let hash = opened.vault.hash(api_key.expose_secret());
        Ok(NewKey { tenant, key_id, mode, api_key, signing_secret, hash, sealed })
    }
}

/// A key that is not stored yet.
struct NewKey {
    tenant: Tenant,
    key_id: KeyId,
    mode: Mode,
    api_key: SecretString,
    signing_secret: Option<SecretString>,
    hash: String,
    sealed: Vec<u8>,
}

impl NewKey {
    fn issued(self, at: u64, lifetime: Option<Duration>, replaces: Vec<KeyId>) -> Issued {
        let Self { tenant, key_id, mode, api_key, signing_secret, .. } = self;
        let expires_ms = lifetime.map(|_| at.saturating_add(millis(lifetime)));
        Issued { tenant, key_id, mode, api_key, signing_secret, expires_ms, replaces }
    }
}

pub(super) fn check_name(name: &str) -> Result<&str, Error> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::Invalid("a name has 1 to 64 characters, none of them a control character"));
    }
    if name.parse::<TenantId>().is_ok() {
        return Err(Error::Invalid("a name must not look like the id of a tenant"));
    }
    Ok(name)
}

pub(super) fn json(tenant: &Tenant) -> Result<String, Error> {
    serde_json::to_string(tenant).map_err(|_| Error::Corrupt("a tenant"))
}

/// A duration in milliseconds for a script: 0 stands for `None`, so `Some` is at least 1.
fn millis(time: Option<Duration>) -> u64 {
    // A hundred years; sums stay exact in Lua numbers.
    const MAX: u64 = 100 * 365 * 86_400_000;
    time.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(MAX).clamp(1, MAX))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

//! Tenants come and go, keys are made, rotated and revoked.

use super::Registry;
use super::record::{Fields, KeyRecord};
use crate::{Error, KeyId, Mode, Overrides, Permissions, Tenant, TenantId, Tier, tenant, token};
use domain::Class;
use ipnet::IpNet;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest name, in characters.
const LONGEST_NAME: usize = 64;

/// Working keys that a tenant may have; `MOST` in `prelude.lua`.
const MOST_KEYS: u32 = 16;

/// A tenant that is to be added.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// What people call it; no two have the same.
    pub name: String,
    /// A program or a person.
    pub class: Class,
    /// What it is given.
    pub tier: Tier,
    /// What it may do.
    pub permissions: Permissions,
    /// What is set for it alone.
    pub overrides: Overrides,
    /// Networks that it may ask from; none: from anywhere.
    pub allow: Vec<IpNet>,
}

impl NewTenant {
    /// A tenant of the standard tier, who may do everything but manage tenants, from anywhere.
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

/// A key that was just made. This is the only time that its secrets can be seen.
#[derive(Debug)]
pub struct Issued {
    /// Whose it is.
    pub tenant: Tenant,
    /// What it is called.
    pub key_id: KeyId,
    /// Whether its jobs are made or played.
    pub mode: Mode,
    /// The key.
    pub api_key: SecretString,
    /// What requests are signed with; a user's key has none.
    pub signing_secret: Option<SecretString>,
    /// When it ends, milliseconds since the Unix epoch.
    pub expires_ms: Option<u64>,
    /// The keys that it replaces, which work until their grace is over.
    pub replaces: Vec<KeyId>,
}

/// Which keys make way for a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retire {
    /// None: the new key stands beside the others.
    None,
    /// All keys of the same mode, after a grace.
    All(Duration),
    /// One key, after a grace.
    One(KeyId, Duration),
}

/// What can be told of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// What it is called.
    pub id: KeyId,
    /// Whether its jobs are made or played.
    pub mode: Mode,
    /// Whether it works now.
    pub works: bool,
    /// When it was made; this and all other times are milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When it ends or ended.
    pub expires_ms: Option<u64>,
    /// When it was last used, give or take a minute.
    pub used_ms: Option<u64>,
    /// When it was revoked.
    pub revoked_ms: Option<u64>,
}

/// A tenant and its keys.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The tenant.
    pub tenant: Tenant,
    /// Its keys, in the order of their making; those that ended long ago are forgotten.
    pub keys: Vec<KeyInfo>,
}

impl Registry {
    /// Adds a tenant with its first key, which ends after `lifetime` if one is given.
    ///
    /// # Errors
    /// [`Error::NameTaken`], and [`Error::Invalid`] when it cannot be as asked for.
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
        match self.line.script(&call).await? {
            0 => Err(Error::NameTaken(made.tenant.name)),
            at => Ok(made.issued(at, lifetime, Vec::new())),
        }
    }

    /// Makes a further key for a tenant, which ends after `lifetime` if one is given. The keys that make way for it work
    /// on until their grace is over, so whoever changes over in time never meets a closed door.
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
        let (at, leaving): (i64, Vec<String>) = self.line.script(&call).await?;
        match (at, retire) {
            (-2, Retire::One(key, _)) => Err(Error::UnknownKey(key)),
            (-1, _) => Err(Error::TooManyKeys { most: MOST_KEYS }),
            (at, _) => {
                let at = u64::try_from(at).ok().filter(|&at| at > 0);
                let at = at.ok_or_else(|| Error::UnknownTenant(made.tenant.id.to_string()))?;
                let leaving = leaving.iter().map(|id| id.parse().map_err(|_| Error::Corrupt("a key's id")));
                Ok(made.issued(at, lifetime, leaving.collect::<Result<_, _>>()?))
            }
        }
    }

    /// Revokes one key, at once.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] when the tenant has no such key.
    pub async fn revoke_key(&self, tenant: &TenantId, key: &KeyId) -> Result<(), Error> {
        let mut call = self.keys.call(&self.scripts.revoke);
        match self.line.script(call.arg(tenant.as_str()).arg(key.as_str())).await? {
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

    /// Tenants in the order of their coming, at most `limit`, from the one after `after` on.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn list(&self, after: Option<&TenantId>, limit: u32) -> Result<Vec<Tenant>, Error> {
        let mut call = self.keys.call(&self.scripts.list);
        call.arg(after.map_or("", TenantId::as_str)).arg(limit);
        let tenants: Vec<String> = self.line.script(&call).await?;
        tenants.iter().map(|json| self.tenant(json)).collect()
    }

    /// Notes that a key was used. It is enough to do so for [stale](crate::Candidate::is_stale) ones.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn note_use(&self, key: &KeyId) -> Result<(), Error> {
        let mut call = self.keys.call(&self.scripts.used);
        Ok(self.line.script::<u8>(call.arg(key.as_str())).await.map(drop)?)
    }

    pub(super) async fn read(&self, id_or_name: &str) -> Result<(u64, Option<String>, Vec<(String, Fields)>), Error> {
        let mut call = self.keys.call(&self.scripts.show);
        Ok(self.line.script(call.arg(id_or_name)).await?)
    }

    fn make(&self, tenant: Tenant, mode: Mode) -> Result<Made, Error> {
        let (key_id, api_key) = (KeyId::new()?, token::new_key(mode)?);
        let opened = self.current.get();
        let signing_secret = if tenant.class == Class::Agent { Some(token::new_secret()?) } else { None };
        let sealed = match &signing_secret {
            Some(secret) => opened.vault.seal(secret.expose_secret(), &tenant.id, &key_id)?,
            None => Vec::new(),
        };
        let hash = opened.vault.hash(api_key.expose_secret());
        Ok(Made { tenant, key_id, mode, api_key, signing_secret, hash, sealed })
    }
}

/// A key that Redis does not know of yet.
struct Made {
    tenant: Tenant,
    key_id: KeyId,
    mode: Mode,
    api_key: SecretString,
    signing_secret: Option<SecretString>,
    hash: String,
    sealed: Vec<u8>,
}

impl Made {
    fn issued(self, at: u64, lifetime: Option<Duration>, replaces: Vec<KeyId>) -> Issued {
        let Self { tenant, key_id, mode, api_key, signing_secret, .. } = self;
        let expires_ms = lifetime.map(|_| at.saturating_add(millis(lifetime)));
        Issued { tenant, key_id, mode, api_key, signing_secret, expires_ms, replaces }
    }
}

pub(super) fn check_name(name: &str) -> Result<&str, Error> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
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

/// A time in milliseconds for a script; 0 stands for none, so none that was given becomes 0.
fn millis(time: Option<Duration>) -> u64 {
    // A hundred years are enough, and a sum with them stays a whole number in Lua.
    const MOST: u64 = 100 * 365 * 86_400_000;
    time.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(MOST).clamp(1, MOST))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

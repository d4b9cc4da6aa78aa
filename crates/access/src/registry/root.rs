//! The root key of a registry: agreeing on it, and sealing it under another master key.

use super::candidate::Decoy;
use super::decoy;
use super::{Keys, Registry, Scripts};
use crate::vault::{RootKey, Vault};
use crate::{Error, MasterKey, Sealer, master};
use redis_client::Connections;
use secrecy::ExposeSecret;
use std::sync::{Arc, PoisonError, RwLock};

/// Attempts to seal a root key that others seal too.
const ATTEMPTS: u32 = 8;

/// What a root key opens, and somebody who stands for nobody under it.
pub(crate) struct Opened {
    pub(crate) vault: Vault,
    pub(super) decoy: Decoy,
}

impl Opened {
    fn new(vault: Vault) -> Result<Self, Error> {
        let decoy = decoy(&vault)?;
        Ok(Self { vault, decoy })
    }
}

/// The root key that the registry in Redis has at present. It only becomes another when Redis has lost everything and
/// somebody else has begun anew.
#[derive(Clone)]
pub(crate) struct Current(Arc<RwLock<Arc<Opened>>>);

impl Current {
    pub(crate) fn get(&self) -> Arc<Opened> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// How Redis keeps a root key: its id, and itself under the master key. The id alone stands for a registry that was made
/// before there were root keys: its master key is its root key.
fn record(root: &RootKey, id: &str, master: &MasterKey) -> Result<String, Error> {
    Ok(format!("{id}:{}", master::hex(&master.seal(root, id)?)))
}

fn read(record: &str, master: &MasterKey) -> Result<Vault, Error> {
    let found = match record.split_once(':') {
        Some((id, sealed)) => master::unhex(sealed).and_then(|sealed| master.open(&sealed, id)).map(Vault::new),
        None => master.as_roots().map(copy).map(Vault::new).find(|vault| vault.id == record),
    };
    found.ok_or(Error::OtherMasterKey)
}

fn copy(root: &RootKey) -> RootKey {
    RootKey::new(Box::new(*root.expose_secret()))
}

/// Whether resealing was enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resealed {
    /// Nothing but the first master key opens the registry.
    Done,
    /// The registry is older than root keys: its first master key is its root key, and goes on opening what it has.
    OldKeyStillOpens,
}

impl Registry {
    /// The root key of the registry in Redis; the first to come determines it.
    pub(super) async fn begin(
        line: &Connections,
        keys: &Keys,
        scripts: &Scripts,
        master: &MasterKey,
    ) -> Result<Current, Error> {
        let (_, vault) = agree(line, keys, scripts, master, &Vault::new(master::random()?)).await?;
        Ok(Current(Arc::new(RwLock::new(Arc::new(Opened::new(vault)?)))))
    }

    /// Takes over the root key that somebody else has begun with after Redis lost everything, or begins with ours.
    pub(super) async fn agree_again(&self) -> Result<(), Error> {
        let ours = self.current.get();
        let (_, vault) = agree(&self.line, &self.keys, &self.scripts, &self.master, &ours.vault).await?;
        if vault.id != ours.vault.id {
            tracing::warn!("the registry in Redis was begun anew");
            *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Opened::new(vault)?);
        }
        Ok(())
    }

    /// Seals the root key under the first of the master keys, so that the others open nothing any more. Keys and secrets
    /// stay as they are, and so does every registry that is open.
    ///
    /// # Errors
    /// [`Error::OtherMasterKey`], and [`Error::Contended`] when others do the same all the time.
    pub async fn reseal(&self) -> Result<Resealed, Error> {
        for _ in 0..ATTEMPTS {
            let ours = self.current.get();
            let (before, vault) = agree(&self.line, &self.keys, &self.scripts, &self.master, &ours.vault).await?;
            let after = record(&vault.root, &vault.id, &self.master)?;
            let mut call = self.keys.call(&self.scripts.reseal);
            if self.line.script::<bool>(call.arg(before).arg(after)).await? {
                let is_master = self.master.as_roots().any(|key| key.expose_secret() == vault.root.expose_secret());
                return Ok(if is_master { Resealed::OldKeyStillOpens } else { Resealed::Done });
            }
        }
        Err(Error::Contended("the registry".to_owned()))
    }

    /// A sealer of this purpose; what it seals opens for no other.
    pub fn sealer(&self, purpose: &'static str) -> Sealer {
        Sealer { current: self.current.clone(), purpose }
    }
}

/// What Redis keeps of the root key, and the key itself; ours, if it keeps none yet.
async fn agree(
    line: &Connections,
    keys: &Keys,
    scripts: &Scripts,
    master: &MasterKey,
    ours: &Vault,
) -> Result<(String, Vault), Error> {
    let mut call = keys.call(&scripts.enrol);
    let found: String = line.script(call.arg(record(&ours.root, &ours.id, master)?)).await?;
    let vault = read(&found, master)?;
    Ok((found, vault))
}

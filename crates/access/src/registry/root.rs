//! The root key of a registry: creation, agreement between processes, and resealing under another master key.

use super::decoy::Decoy;
use super::{Keys, Registry, Scripts};
use crate::vault::{RootKey, Vault};
use crate::{Error, MasterKey, Sealer, hex, master};
use redis_client::Connections;
use secrecy::ExposeSecret;
use std::sync::{Arc, PoisonError, RwLock};

/// Attempts to reseal while other processes reseal too.
const ATTEMPTS: u32 = 8;

/// An opened root key and the decoy tenant used for unknown keys.
pub(crate) struct Opened {
    pub(crate) vault: Vault,
    pub(super) decoy: Decoy,
}

impl Opened {
    fn new(vault: Vault) -> Result<Self, Error> {
        let decoy = Decoy::new(&vault)?;
        Ok(Self { vault, decoy })
    }
}

/// The current root key of the registry. It changes only if Redis loses its data and another process creates a new
/// registry.
#[derive(Clone)]
pub(crate) struct Current(Arc<RwLock<Arc<Opened>>>);

impl Current {
    pub(crate) fn get(&self) -> Arc<Opened> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The stored form of a root key: its id, and the key sealed under the master key. A record without the sealed key
/// belongs to a registry from before root keys existed: its master key is its root key.
fn record(root: &RootKey, id: &str, master: &MasterKey) -> Result<String, Error> {
    Ok(format!("{id}:{}", hex::encode(&master.seal(root, id)?)))
}

fn read(record: &str, master: &MasterKey) -> Result<Vault, Error> {
    let found = match record.split_once(':') {
        Some((id, sealed)) => hex::decode(sealed).and_then(|sealed| master.open(&sealed, id)).map(Vault::new),
        None => master.as_roots().map(copy).map(Vault::new).find(|vault| vault.id == record),
    };
    found.ok_or(Error::OtherMasterKey)
}

fn copy(root: &RootKey) -> RootKey {
    RootKey::new(Box::new(*root.expose_secret()))
}

/// Result of [`Registry::reseal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resealed {
    /// Only the first master key opens the registry.
    Done,
    /// The registry predates root keys: its first master key is its root key and still opens it.
    OldKeyStillOpens,
}

impl Registry {
    /// The root key of the registry in Redis. The first process to connect creates it.
    pub(super) async fn begin(
        connections: &Connections,
        keys: &Keys,
        scripts: &Scripts,
        master: &MasterKey,
    ) -> Result<Current, Error> {
        let (_, vault) = agree(connections, keys, scripts, master, &Vault::new(master::random()?)).await?;
        Ok(Current(Arc::new(RwLock::new(Arc::new(Opened::new(vault)?)))))
    }

    /// Adopts the root key of a registry that another process created after Redis lost its data, or restores ours.
    pub(super) async fn agree_again(&self) -> Result<(), Error> {
        let ours = self.current.get();
        let (_, vault) = agree(&self.connections, &self.keys, &self.scripts, &self.master, &ours.vault).await?;
        if vault.id != ours.vault.id {
            tracing::warn!("another process has created a new registry in Redis");
            *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Opened::new(vault)?);
        }
        Ok(())
    }

    /// Seals the root key under the first of the master keys, so that the others no longer open it. Keys and secrets
    /// stay valid, and open registries keep working.
    ///
    /// # Errors
    /// [`Error::OtherMasterKey`], and [`Error::Contended`] if other processes keep resealing.
    pub async fn reseal(&self) -> Result<Resealed, Error> {
        for _ in 0..ATTEMPTS {
            let ours = self.current.get();
            let (before, vault) =
                agree(&self.connections, &self.keys, &self.scripts, &self.master, &ours.vault).await?;
            let after = record(&vault.root, &vault.id, &self.master)?;
            let mut call = self.keys.call(&self.scripts.reseal);
            if self.connections.script::<bool>(call.arg(before).arg(after)).await? {
                let is_master = self.master.as_roots().any(|key| key.expose_secret() == vault.root.expose_secret());
                return Ok(if is_master { Resealed::OldKeyStillOpens } else { Resealed::Done });
            }
        }
        Err(Error::Contended("the registry".to_owned()))
    }

    /// A sealer for one purpose. Data sealed for one purpose cannot be opened for another.
    pub fn sealer(&self, purpose: &'static str) -> Sealer {
        Sealer { current: self.current.clone(), purpose }
    }
}

/// The stored root key, opened; `ours` is stored first if there is none. While Redis refuses writes, an existing root
/// key is read.
async fn agree(
    connections: &Connections,
    keys: &Keys,
    scripts: &Scripts,
    master: &MasterKey,
    ours: &Vault,
) -> Result<(String, Vault), Error> {
    let mut call = keys.call(&scripts.enrol);
    let enrolled = connections.script(call.arg(record(&ours.root, &ours.id, master)?)).await.map_err(Error::from);
    let found: String = match enrolled {
        Err(error @ Error::ReadOnly(_)) => {
            let existing: Option<String> = connections.command(redis::cmd("GET").arg(keys.master())).await?;
            existing.ok_or(error)?
        }
        enrolled => enrolled?,
    };
    let vault = read(&found, master)?;
    Ok((found, vault))
}

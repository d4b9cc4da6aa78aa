//! Where the registry is.

use crate::Error;
use crate::up::Store;
use access::{Defaults, MasterKeyOptions, Registry};
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;

/// Where the registry is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Registry")]
pub(super) struct Place {
    /// Data directory of an `orfeas up`, running or not.
    #[arg(long, env = "ORFEAS_DATA", value_name = "DIR", default_value = "data", global = true)]
    data: PathBuf,

    /// In place of --data: a Redis, as redis://user:password@host:port/database. The master key is needed, too.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL", global = true)]
    redis_url: Option<SecretString>,

    /// With --redis-url: the prefix of all keys in it.
    #[arg(long, env = "ORFEAS_QUEUE_PREFIX", value_name = "PREFIX", default_value = "orfeas", global = true)]
    queue_prefix: String,

    /// The master key.
    #[command(flatten)]
    master: MasterKeyOptions,

    /// The redis-server program, for a data directory where no `orfeas up` runs.
    #[arg(long, env = "ORFEAS_REDIS_SERVER", value_name = "PROGRAM", default_value = "redis-server", global = true)]
    redis_server: PathBuf,
}

/// An open registry. Call [`close`](Self::close), or a Redis that was started for it may lose the last changes.
pub(super) struct Opened {
    pub(super) registry: Registry,
    store: Option<Store>,
}

impl Place {
    pub(super) async fn open(&self) -> Result<Opened, Error> {
        if let Some(url) = &self.redis_url {
            let master = self.master.load()?;
            let registry = Registry::connect(url.expose_secret(), &self.queue_prefix, &master, Defaults::default());
            return Ok(Opened { registry: registry.await?, store: None });
        }
        let store = Store::open(&self.data, &self.redis_server).await?;
        Ok(Opened { registry: store.registry.clone(), store: Some(store) })
    }
}

impl Opened {
    pub(super) async fn close(self) {
        if let Some(store) = self.store {
            store.close().await;
        }
    }
}

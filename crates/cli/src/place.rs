//! Where the Redis of a server is, for commands that use it directly.

use crate::Error;
use crate::up::Store;
use access::Registry;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;

/// Where the Redis of a server is.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Server")]
pub(crate) struct Place {
    /// Data directory of an `orfeas up`, running or not.
    #[arg(long, env = "ORFEAS_DATA", value_name = "DIR", default_value = "data", global = true)]
    data: PathBuf,

    /// In place of --data: a Redis, as redis://user:password@host:port/database.
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL", global = true)]
    redis_url: Option<SecretString>,

    /// With --redis-url: the prefix of all keys in it.
    #[arg(long, env = "ORFEAS_QUEUE_PREFIX", value_name = "PREFIX", default_value = "orfeas", global = true)]
    pub(crate) queue_prefix: String,

    /// The redis-server program, for a data directory where no `orfeas up` runs.
    #[arg(long, env = "ORFEAS_REDIS_SERVER", value_name = "PROGRAM", default_value = "redis-server", global = true)]
    redis_server: PathBuf,
}

/// A Redis that can be used. Call [`close`](Self::close), or one that was started for this may lose the last changes.
pub(crate) struct OpenPlace {
    pub(crate) redis_url: String,
    store: Option<Store>,
}

impl Place {
    /// Finds the Redis, and starts it if it is that of a data directory where no `orfeas up` runs.
    pub(crate) async fn open(&self) -> Result<OpenPlace, Error> {
        if let Some(url) = &self.redis_url {
            return Ok(OpenPlace { redis_url: url.expose_secret().to_owned(), store: None });
        }
        let store = Store::open(&self.data, &self.redis_server).await?;
        Ok(OpenPlace { redis_url: store.redis_url.clone(), store: Some(store) })
    }
}

impl OpenPlace {
    /// The registry of a data directory, which is open already.
    pub(crate) fn registry(&self) -> Option<&Registry> {
        self.store.as_ref().map(|store| &store.registry)
    }

    pub(crate) async fn close(self) {
        if let Some(store) = self.store {
            store.close().await;
        }
    }
}

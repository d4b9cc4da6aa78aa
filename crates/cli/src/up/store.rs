//! The registry of a data directory, whether an `up` runs there or not.

use super::child::{Process, Program};
use super::data::Data;
use super::redis::{PREFIX, PrivateRedis, url};
use super::{REDIS_GRACE, ready};
use crate::Error;
use crate::session::Session;
use access::{Defaults, MasterKey, Registry};
use std::path::Path;

/// An open registry. [`close`](Self::close) it, or what was done last may not be on the disk.
pub(crate) struct Store {
    pub(crate) registry: Registry,
    /// Where it is.
    pub(crate) redis_url: String,
    /// The Redis that was started for this, as no `up` runs.
    own: Option<OwnRedis>,
}

struct OwnRedis {
    process: Process,
    /// No `up` begins meanwhile.
    _data: Data,
    _redis: PrivateRedis,
}

impl Store {
    /// Opens the registry of a data directory.
    ///
    /// Call it on a runtime of one thread, as [`up`](super::up).
    pub(crate) async fn open(folder: &Path, redis_server: &Path) -> Result<Self, Error> {
        if !folder.is_dir() {
            let folder = folder.display();
            return Err(Error::Unavailable(format!(
                "there is no data directory {folder}; choose one with --data, or a Redis with --redis-url"
            )));
        }
        if let Some(session) = Session::find(folder)
            && ready::answers(&session.redis_socket).await
        {
            let master = MasterKey::read(&Data::master_key_of(folder))?;
            let redis_url = url(&session.redis_socket);
            let registry = connect(&redis_url, &master).await?;
            return Ok(Self { registry, redis_url, own: None });
        }
        let data = Data::open(folder)?;
        let master = data.master_key()?;
        let redis = PrivateRedis::of(&data)?;
        ready::no_redis_left_over(&redis.socket).await?;
        let program: Program = redis.program(redis_server, &data)?;
        let mut process = program.start()?;
        tokio::select! {
            up = ready::redis(&redis.socket) => up?,
            _ = process.ended() => {
                return Err(Error::Unavailable(format!("redis did not come up: {}", program.last_words())));
            }
        }
        let redis_url = redis.url();
        let registry = connect(&redis_url, &master).await?;
        Ok(Self { registry, redis_url, own: Some(OwnRedis { process, _data: data, _redis: redis }) })
    }

    /// Ends what was started.
    pub(crate) async fn close(self) {
        let Some(mut own) = self.own else { return };
        own.process.terminate();
        if tokio::time::timeout(REDIS_GRACE, own.process.ended()).await.is_err() {
            own.process.kill();
            let _ = own.process.ended().await;
        }
    }
}

async fn connect(redis_url: &str, master: &MasterKey) -> Result<Registry, Error> {
    Ok(Registry::connect(redis_url, PREFIX, master, Defaults::default()).await?)
}

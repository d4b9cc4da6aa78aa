//! The registry of a data directory, whether an `up` runs there or not.

use super::child::Process;
use super::data::Data;
use super::redis::{PREFIX, PrivateRedis, socket_of};
use super::{REDIS_GRACE, ready};
use crate::Error;
use crate::session::Session;
use access::{Defaults, MasterKey, Registry};
use std::path::Path;

/// An open registry. Call [`close`](Self::close), or the last changes may not reach the disk.
pub(crate) struct Store {
    pub(crate) registry: Registry,
    /// The URL of its Redis.
    pub(crate) redis_url: String,
    /// The Redis that was started for this, when no `up` runs.
    own: Option<OwnRedis>,
}

struct OwnRedis {
    process: Process,
    /// Keeps an `up` from starting meanwhile.
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
            && let Some(socket) = socket_of(&session.redis_url)
            && ready::answers(&socket).await
        {
            let master = MasterKey::read(&Data::master_key_of(folder))?;
            let redis_url = session.redis_url;
            let registry = connect(&redis_url, &master).await?;
            return Ok(Self { registry, redis_url, own: None });
        }
        let data = Data::open(folder)?;
        let master = data.master_key()?;
        let redis = PrivateRedis::of(&data)?;
        ready::no_redis_left_over(&redis.socket).await?;
        let mut process = redis.program(redis_server, &data)?.start()?;
        let ready = tokio::select! {
            ready = ready::redis(&redis.socket, redis_server) => ready,
            ended = process.ended() => {
                let reason = process.end_in_words(&ended);
                return Err(Error::Unavailable(format!("redis did not come up: {reason}")));
            }
        };
        if let Err(error) = ready {
            stop(&mut process).await;
            return Err(error);
        }
        let redis_url = redis.url();
        let registry = connect(&redis_url, &master).await?;
        Ok(Self { registry, redis_url, own: Some(OwnRedis { process, _data: data, _redis: redis }) })
    }

    /// Stops the Redis that was started for this.
    pub(crate) async fn close(self) {
        if let Some(mut own) = self.own {
            stop(&mut own.process).await;
        }
    }
}

async fn stop(redis: &mut Process) {
    redis.terminate();
    if tokio::time::timeout(REDIS_GRACE, redis.ended()).await.is_err() {
        redis.kill();
        let _ = redis.ended().await;
    }
}

async fn connect(redis_url: &str, master: &MasterKey) -> Result<Registry, Error> {
    Ok(Registry::connect(redis_url, PREFIX, master, Defaults::default()).await?)
}

//! The queue as gateway and status see it.

use crate::entry::parse_state;
use crate::error::Error;
use crate::hub::Hub;
use crate::keys::Keys;
use crate::options::{LeaseOptions, RedisOptions};
use crate::scripts::Scripts;
use crate::worker::Worker;
use domain::{JobId, JobState, WorkerInfo};
use redis_client::Connections;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Connections that carry the short commands.
const LINES: usize = 4;

/// The queue. Clones are cheap and share their connections.
#[derive(Clone)]
pub struct Queue {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) connections: Arc<Connections>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) scripts: Scripts,
    pub(crate) hub: Hub,
    /// Held while a page is read.
    pub(crate) pages: Semaphore,
    /// Most jobs that may wait in one class; 0: no bound.
    pub(crate) max_depth: u64,
    /// For how long a result answers the same request.
    pub(crate) cache: Duration,
    /// Seconds.
    retention: u64,
    users_share: u32,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("keys", &self.inner.keys.prefix()).finish_non_exhaustive()
    }
}

/// What a [`Queue::sweep`] found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Delayed jobs that joined their line.
    pub due: u64,
    /// Leases that had run out and were taken back.
    pub reclaimed: u64,
}

impl Queue {
    /// Connects, and checks that the server is new enough. Settings with which jobs can be lost are warned of.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Unsupported`], or [`Error::Redis`] when the password is wrong.
    pub async fn connect(options: &RedisOptions) -> Result<Self, Error> {
        let connections = Arc::new(Connections::new(options.redis_url.expose(), LINES)?);
        check_server(&connections, options).await?;
        let keys = Arc::new(Keys::new(&options.key_prefix));
        let hub = Hub::start(Arc::clone(&connections), Arc::clone(&keys));
        let (scripts, pages) = (Scripts::new(), Semaphore::new(1));
        let cache = Duration::from_secs(options.result_cache_seconds);
        let RedisOptions { queue_max_depth: max_depth, result_retention: retention, users_share, .. } = *options;
        Ok(Self {
            inner: Arc::new(Inner { connections, keys, scripts, hub, pages, max_depth, cache, retention, users_share }),
        })
    }

    /// Withdraws a job. A queued one is cancelled at once and never dispatched. Of a running one, its worker is told at
    /// once; until the worker agrees, the job stays `running` (and may still succeed, when it was done
    /// before its worker heard of it). Returns the state after the call. One round trip.
    ///
    /// # Errors
    /// [`Error::UnknownJob`], [`Error::Unavailable`].
    pub async fn cancel(&self, id: JobId) -> Result<JobState, Error> {
        let mut call = self.call(&self.inner.scripts.cancel);
        call.arg(id.to_string());
        let state: Option<String> = self.inner.connections.script(&call).await?;
        state.map_or(Err(Error::UnknownJob(id)), |state| parse_state(&state))
    }

    /// Whether Redis answers. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        Ok(self.inner.connections.command::<String>(&redis::cmd("PING")).await.map(drop)?)
    }

    /// Lets delayed jobs that are due join their line, and takes back leases that ran out. Every worker does this once
    /// a second, and at each lease; calling it elsewhere is harmless. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let call = self.call(&self.inner.scripts.sweep);
        let (due, reclaimed) = self.inner.connections.script(&call).await?;
        Ok(Swept { due, reclaimed })
    }

    /// A worker for the jobs of agents and users that the capabilities of `info` cover. It announces itself at once and
    /// each second while it exists. Its name in Redis is the name of `info` with a random suffix, so that equal names do
    /// not collide.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn worker(&self, info: WorkerInfo, options: LeaseOptions) -> Result<Worker, Error> {
        Worker::start(self.clone(), info, options, false).await
    }

    /// A worker for test jobs, which other workers never lease, whatever they need. In all else it is a
    /// [worker](Self::worker).
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn test_worker(&self, name: &str, options: LeaseOptions) -> Result<Worker, Error> {
        Worker::start(self.clone(), WorkerInfo { name: name.to_owned(), ..WorkerInfo::default() }, options, true).await
    }

    /// A call of `script`, with what every script is told; further arguments are the caller's.
    pub(crate) fn call<'a>(&self, script: &'a redis::Script) -> redis::ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        call.key(self.inner.keys.prefix()).arg(self.inner.retention).arg(self.inner.users_share);
        call
    }
}

async fn check_server(connections: &Connections, options: &RedisOptions) -> Result<(), Error> {
    let info: redis::InfoDict = connections.command(&redis::cmd("INFO")).await?;
    let get = |name| info.get::<String>(name).unwrap_or_default();
    let version = get("redis_version");
    let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    if major.is_none_or(|major| major < 7) {
        return Err(Error::Unsupported { found: version });
    }
    let policy = get("maxmemory_policy");
    if policy != "noeviction" {
        tracing::warn!(redis = %options.redis_url, %policy, "Redis may evict jobs: set maxmemory-policy noeviction");
    }
    if get("aof_enabled") == "0" {
        tracing::warn!(redis = %options.redis_url, "Redis keeps no append-only file: a restart loses all jobs");
    }
    Ok(())
}

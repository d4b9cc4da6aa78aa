//! The queue as the gateway and the status service use it.

use crate::commit::Commit;
use crate::entry::parse_state;
use crate::error::Error;
use crate::hub::Hub;
use crate::keys::Keys;
use crate::options::{LeaseOptions, RedisOptions};
use crate::scripts::Scripts;
use crate::server;
use crate::worker::Worker;
use domain::{JobId, JobState, WorkerInfo};
use redis_client::Connections;
use std::fmt;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Connections for short commands.
const CONNECTIONS: usize = 4;

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
    /// Submissions that wait for a call.
    pub(crate) submissions: Commit,
    /// Operations of workers that wait for a call.
    pub(crate) work: Commit,
    /// Held while a page is read.
    pub(crate) pages: Semaphore,
    /// Most jobs that may wait in one class; 0: no bound.
    pub(crate) max_depth: u64,
    /// For how long a result answers the same request, in ms.
    pub(crate) cache_ms: u64,
    /// Seconds.
    pub(crate) retention: u64,
    pub(crate) users_share: u32,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("keys", &self.inner.keys.prefix()).finish_non_exhaustive()
    }
}

/// What a [`Queue::sweep`] moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Delayed jobs that are due and wait again.
    pub due: u64,
    /// Leases that had run out and were taken back.
    pub reclaimed: u64,
}

impl Queue {
    /// Connects, and checks that the server is new enough and holds no unfinished jobs of a version before lanes. Settings with which jobs can be lost are logged as warnings.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Unsupported`], [`Error::OldLayout`]; [`Error::Redis`] when the password is wrong.
    pub async fn connect(options: &RedisOptions) -> Result<Self, Error> {
        let connections = Arc::new(Connections::new(options.redis_url.expose(), CONNECTIONS)?);
        let keys = Arc::new(Keys::new(&options.key_prefix));
        server::check(&connections, options).await?;
        server::check_layout(&connections, &keys).await?;
        let hub = Hub::start(Arc::clone(&connections), Arc::clone(&keys));
        let inner = Inner {
            connections,
            keys,
            scripts: Scripts::new(),
            hub,
            submissions: Commit::default(),
            work: Commit::default(),
            pages: Semaphore::new(1),
            max_depth: options.queue_max_depth,
            cache_ms: options.result_cache_seconds.saturating_mul(1000),
            retention: options.result_retention,
            users_share: options.users_share,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Cancels a job. A queued one is cancelled at once and never dispatched. The worker of a running one learns of it
    /// at once; until it agrees, the job stays `running`, and it may still succeed. Returns the state after the call.
    /// One round trip.
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

    /// Whether Redis takes writes: it is not a replica, has the replicas it requires, and neither its memory nor its disk
    /// is full. One round trip with one small write.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Memory`], [`Error::Disk`], [`Error::Replicas`].
    pub async fn check_writable(&self) -> Result<(), Error> {
        let call = self.call(&self.inner.scripts.probe);
        Ok(self.inner.connections.script::<u64>(&call).await.map(drop)?)
    }

    /// Moves delayed jobs that are due, and takes back leases that ran out. Every worker does this once a second;
    /// calling it elsewhere is harmless. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let call = self.call(&self.inner.scripts.sweep);
        let (due, reclaimed) = self.inner.connections.script(&call).await?;
        Ok(Swept { due, reclaimed })
    }

    /// A worker for the jobs of agents and users that the capabilities of `info` cover. It announces itself at once and
    /// each second while it exists. Its name in Redis is the name of `info` with a random suffix, so that equal names
    /// do not collide.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Unavailable`].
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

    /// A call of `script` with the arguments that every script takes; further arguments are the caller's.
    pub(crate) fn call<'a>(&self, script: &'a redis::Script) -> redis::ScriptInvocation<'a> {
        let mut call = script.prepare_invoke();
        call.key(self.inner.keys.prefix()).arg(self.inner.retention).arg(self.inner.users_share);
        call
    }
}

//! The queue as gateway and status see it.

use crate::connections::Connections;
use crate::error::Error;
use crate::hub::Hub;
use crate::keys::Keys;
use crate::options::{LeaseOptions, RedisOptions};
use crate::record::{Fields, parse_state};
use crate::scripts::{self, Scripts};
use crate::worker::Worker;
use domain::{Job, JobId, JobRecord, JobState};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

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
    pub(crate) max_depth: u64,
    /// Seconds.
    pub(crate) retention: u64,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("keys", &self.inner.keys.waiting()).finish_non_exhaustive()
    }
}

/// A job that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Submitted {
    /// Place in line: 1 is next. 0 when the same job had been submitted before and waits no longer.
    pub position: u64,
}

/// How much there is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Jobs that wait, those that wait for a retry included.
    pub queued: u64,
    /// Jobs that are with a worker.
    pub running: u64,
    /// Dead letters.
    pub dead: u64,
}

/// What happened since the queue's keys were made. These only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Writes of workers that no longer held their job, refused.
    pub fenced: u64,
    /// Leases that ran out and were taken back.
    pub reclaimed: u64,
    /// Jobs that succeeded.
    pub succeeded: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
}

/// What a [`Queue::sweep`] found to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swept {
    /// Delayed jobs that joined their lane.
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
        let connections = Arc::new(Connections::new(&options.redis_url)?);
        check_server(&connections, options).await?;
        let keys = Arc::new(Keys::new(&options.key_prefix));
        let hub = Hub::start(Arc::clone(&connections), Arc::clone(&keys));
        let scripts = Scripts::new();
        let (max_depth, retention) = (options.queue_max_depth, options.result_retention);
        Ok(Self { inner: Arc::new(Inner { connections, keys, scripts, hub, max_depth, retention }) })
    }

    /// Puts a job in line. The same job may be submitted again: nothing happens the second time. One round trip.
    ///
    /// # Errors
    /// [`Error::Full`], [`Error::Unavailable`].
    pub async fn submit(&self, job: &Job) -> Result<Submitted, Error> {
        let json = serde_json::to_string(job).map_err(Error::corrupt("a job to be written"))?;
        let mut call = self.call(&self.inner.scripts.submit);
        call.arg(job.id.to_string()).arg(json).arg(self.inner.max_depth);
        let (position, depth): (i64, u64) = self.inner.connections.script(&call).await?;
        let position = u64::try_from(position).map_err(|_| Error::Full { depth })?;
        Ok(Submitted { position })
    }

    /// All that is known of a job; `None` when there is no such job, or its retention is over. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn record(&self, id: JobId) -> Result<Option<JobRecord>, Error> {
        let fields: Fields = self.inner.connections.command(redis::cmd("HGETALL").arg(self.inner.keys.job(id))).await?;
        fields.record()
    }

    /// A queued job's place in line: 1 is next; jobs that wait for a retry come after all that wait in a lane. `None`
    /// when it does not wait. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn position(&self, id: JobId) -> Result<Option<u64>, Error> {
        let keys = &self.inner.keys;
        let (rank, waiting, delayed): (Option<u64>, u64, Option<u64>) = self
            .inner
            .connections
            .pipeline(
                redis::pipe()
                    .zrank(keys.waiting(), id.to_string())
                    .zcard(keys.waiting())
                    .zrank(keys.delayed(), id.to_string()),
            )
            .await?;
        Ok(rank.or(delayed.map(|rank| waiting + rank)).map(|ahead| ahead + 1))
    }

    /// Withdraws a job. A queued one is cancelled at once and never dispatched. Of a running one, its worker is told at
    /// the next renewal; until the worker agrees, the job stays `running` (and may still succeed, when it was done
    /// before its worker heard of it). Returns the state after the call. One round trip.
    ///
    /// # Errors
    /// [`Error::UnknownJob`], [`Error::Unavailable`].
    pub async fn cancel(&self, id: JobId) -> Result<JobState, Error> {
        let mut call = self.call(&self.inner.scripts.cancel);
        call.arg(id.to_string()).arg(self.inner.retention);
        let state: Option<String> = self.inner.connections.script(&call).await?;
        state.map_or(Err(Error::UnknownJob(id)), |state| parse_state(&state))
    }

    /// How much there is to do. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn depth(&self) -> Result<Depth, Error> {
        let keys = &self.inner.keys;
        let pipeline = redis::pipe()
            .zcard(keys.waiting())
            .zcard(keys.delayed())
            .zcard(keys.leases())
            .cmd("XLEN")
            .arg(keys.dead())
            .to_owned();
        let (waiting, delayed, running, dead): (u64, u64, u64, u64) =
            self.inner.connections.pipeline(&pipeline).await?;
        Ok(Depth { queued: waiting + delayed, running, dead })
    }

    /// What happened so far, in all processes together. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn counters(&self) -> Result<Counters, Error> {
        let command = redis::cmd("HGETALL").arg(self.inner.keys.counters()).to_owned();
        let counts: HashMap<String, u64> = self.inner.connections.command(&command).await?;
        let count = |name| counts.get(name).copied().unwrap_or(0);
        Ok(Counters {
            fenced: count("fenced"),
            reclaimed: count("reclaimed"),
            succeeded: count("succeeded"),
            failed: count("failed"),
            cancelled: count("cancelled"),
        })
    }

    /// Whether Redis answers. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        self.inner.connections.command::<String>(&redis::cmd("PING")).await.map(drop)
    }

    /// Lets delayed jobs that are due join their lane, and takes back leases that ran out. Every worker does this once
    /// a second, and at each lease; calling it elsewhere is harmless. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sweep(&self) -> Result<Swept, Error> {
        let mut call = self.call(&self.inner.scripts.sweep);
        call.arg(self.inner.retention);
        let (due, reclaimed) = self.inner.connections.script(&call).await?;
        Ok(Swept { due, reclaimed })
    }

    /// One who takes jobs. Its name in Redis is `name` and a random suffix: two workers that were given the same name
    /// are still told apart.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn worker(&self, name: &str, options: LeaseOptions) -> Result<Worker, Error> {
        Worker::start(self.clone(), name, options).await
    }

    pub(crate) fn call<'a>(&self, script: &'a redis::Script) -> redis::ScriptInvocation<'a> {
        scripts::call(script, &self.inner.keys)
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

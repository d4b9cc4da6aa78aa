//! One who takes jobs.

use crate::error::Error;
use crate::lease::Lease;
use crate::options::LeaseOptions;
use crate::queue::Queue;
use domain::WorkerInfo;
use redis::aio::MultiplexedConnection;
use redis_client::within;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

/// How often delayed jobs and lost leases are looked for. A lease that ran out is taken back at most this much later.
const TICK: Duration = Duration::from_secs(1);
/// The shortest time to wait for a job: what is due may have to stay where it is for a while (after a restart).
const SHORTEST_WAIT: Duration = Duration::from_millis(20);
/// The pause after the first failure to reach Redis; it doubles up to [`TICK`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// What a worker was handed last is forgotten after this time.
const FORGET_HANDED_AFTER: Duration = Duration::from_secs(86_400);

/// One who takes jobs. While it exists it also looks, once a second, for jobs whose worker was lost.
pub struct Worker {
    queue: Queue,
    holder: Arc<Holder>,
    blocking: Mutex<Option<MultiplexedConnection>>,
    sweeper: AbortHandle,
    /// Calls of `lease.lua` so far.
    calls: AtomicU64,
    /// What it announces.
    info: watch::Sender<WorkerInfo>,
}

/// Who holds a lease, and how.
pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) options: LeaseOptions,
    /// Takes test jobs, and no others.
    is_test: bool,
}

/// What one call of `lease.lua` found.
struct Taken {
    leases: Vec<Lease>,
    /// When something delayed or leased will be due.
    due: Option<Duration>,
    /// The last entry of the stream that wakes, when there was nothing to lease.
    last: String,
}

impl Worker {
    pub(crate) async fn start(
        queue: Queue,
        info: WorkerInfo,
        options: LeaseOptions,
        is_test: bool,
    ) -> Result<Self, Error> {
        let mut enrol = queue.call(&queue.inner.scripts.enrol);
        enrol.arg(millis(FORGET_HANDED_AFTER));
        queue.inner.connections.script::<()>(&enrol).await?;

        let suffix = uuid::Uuid::new_v4().simple().to_string();
        let holder = Arc::new(Holder { name: format!("{}-{}", info.name, &suffix[..8]), options, is_test });
        let info = WorkerInfo { name: holder.name.clone(), ..info };
        if !is_test {
            queue.announce(&info).await?;
        }
        let (info, announced) = watch::channel(info);
        let sweeper = tokio::spawn(sweep(queue.clone(), announced, is_test)).abort_handle();
        Ok(Self { queue, holder, blocking: Mutex::new(None), sweeper, calls: AtomicU64::new(0), info })
    }

    /// The worker's own name in Redis.
    pub fn name(&self) -> &str {
        &self.holder.name
    }

    /// Replaces what this worker announces, at once and from now on. The name stays its own. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; the new announcement is sent within a second nevertheless.
    pub async fn announce(&self, info: WorkerInfo) -> Result<(), Error> {
        let info = WorkerInfo { name: self.holder.name.clone(), ..info };
        self.info.send_replace(info.clone());
        self.queue.announce(&info).await
    }

    /// Takes up to `max` jobs, the next in line first. When none waits, waits up to `wait` for one; when none came,
    /// the answer is empty. While Redis is not available it is asked again, until `wait` is over.
    ///
    /// A caller may stop waiting at any time (as `tokio::select!` does): jobs that were taken for it are handed back.
    ///
    /// One round trip when a job waits. When none does: one to find that out, one that ends when a job comes, and one
    /// that takes it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Redis was not available all the time, [`Error::Corrupt`].
    pub async fn lease(&self, max: usize, wait: Duration) -> Result<Vec<Lease>, Error> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + wait;
        let mut pause = FIRST_PAUSE;
        let mut call = self.calls.fetch_add(1, Ordering::Relaxed);
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            // A call that failed is repeated under its number: Redis may have heard it.
            let taken = self.take(max, call).await;
            if taken.is_ok() {
                call = self.calls.fetch_add(1, Ordering::Relaxed);
            }
            let waited = match taken {
                Ok(taken) if !taken.leases.is_empty() || remaining.is_zero() => return Ok(taken.leases),
                Ok(taken) => {
                    let due = taken.due.unwrap_or(TICK).clamp(SHORTEST_WAIT, TICK);
                    self.wait(&taken.last, remaining.min(due)).await
                }
                Err(error) => Err(error),
            };
            match waited {
                Ok(()) => pause = FIRST_PAUSE,
                Err(error) if error.is_retryable() && !remaining.is_zero() => {
                    tracing::warn!(%error, cause = ?std::error::Error::source(&error), "cannot lease jobs, trying again");
                    sleep(pause.min(remaining)).await;
                    pause = (pause * 2).min(TICK);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes what waits. The script runs in a task of its own, so that its answer always has a reader: a caller that
    /// went away leaves no leases behind.
    async fn take(&self, max: usize, call: u64) -> Result<Taken, Error> {
        let (sender, receiver) = oneshot::channel();
        let (queue, holder) = (self.queue.clone(), Arc::clone(&self.holder));
        tokio::spawn(async move {
            if let Err(Ok(unwanted)) = sender.send(take(queue, holder, max, call).await) {
                for lease in unwanted.leases {
                    if let Err(error) = lease.release().await {
                        tracing::warn!(%error, "cannot hand back a job that nobody waits for");
                    }
                }
            }
        });
        receiver.await.expect("the task sends its answer. This is a bug.")
    }

    /// Waits until there is an entry after `last`, or `at_most` is over.
    async fn wait(&self, last: &str, at_most: Duration) -> Result<(), Error> {
        let mut blocking = self.blocking.lock().await;
        // Taken out while it waits: if the caller goes away, it is closed, and no later read stands behind this one.
        let mut connection = match blocking.take() {
            Some(connection) => connection,
            None => self.queue.inner.connections.blocking().await?,
        };
        let mut read = redis::cmd("XREAD");
        // BLOCK 0 would wait for ever.
        read.arg("COUNT").arg(1).arg("BLOCK").arg(millis(at_most).max(1));
        read.arg("STREAMS").arg(self.queue.inner.keys.wake(self.holder.is_test)).arg(last);
        within(at_most + 2 * TICK, read.query_async::<redis::Value>(&mut connection)).await?;
        *blocking = Some(connection);
        Ok(())
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("name", &self.holder.name).finish_non_exhaustive()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

async fn take(queue: Queue, holder: Arc<Holder>, max: usize, number: u64) -> Result<Taken, Error> {
    let LeaseOptions { lease, max_attempts } = holder.options;
    let mut call = queue.call(&queue.inner.scripts.lease);
    call.arg(&holder.name).arg(max).arg(millis(lease)).arg(max_attempts);
    call.arg(number).arg(if holder.is_test { "test" } else { "made" });
    type Leased = Vec<(String, String, u32, u64)>;
    let (leased, due, last): (Leased, i64, String) = queue.inner.connections.script(&call).await?;
    let lease = |(_, job, attempt, fence): (String, String, u32, u64)| {
        let job = crate::entry::parse_job(&job).map_err(|_| Error::Corrupt { what: "a job", source: None })?;
        Ok(Lease::new(queue.clone(), Arc::clone(&holder), job, attempt, fence))
    };
    let leases = leased.into_iter().map(lease).collect::<Result<_, Error>>()?;
    Ok(Taken { leases, due: u64::try_from(due).ok().map(Duration::from_millis), last })
}

async fn sweep(queue: Queue, info: watch::Receiver<WorkerInfo>, is_test: bool) {
    loop {
        sleep(TICK).await;
        let info = info.borrow().clone();
        if !is_test && let Err(error) = queue.announce(&info).await {
            tracing::debug!(%error, "cannot announce a worker");
        }
        match queue.sweep().await {
            Ok(swept) if swept.reclaimed > 0 => tracing::info!(reclaimed = swept.reclaimed, "took back lost leases"),
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "cannot look for lost leases"),
        }
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

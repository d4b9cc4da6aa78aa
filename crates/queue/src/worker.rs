//! A process that leases jobs.

use crate::commit::{self, Arguments, Target};
use crate::entry::{parse_id, parse_job};
use crate::error::Error;
use crate::fleet::{TEST_POOL, pool};
use crate::lease::Lease;
use crate::options::LeaseOptions;
use crate::queue::Queue;
use domain::{Artifact, Capability, FailureCode, JobId, WorkerInfo};
use redis::Value;
use redis::aio::MultiplexedConnection;
use redis_client::within;
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

/// How often a worker announces itself and sweeps. A lease that ran out is taken back at most this much later.
const TICK: Duration = Duration::from_secs(1);
/// The shortest time to wait for a job: what is due may have to stay where it is for a while (after an outage).
const SHORTEST_WAIT: Duration = Duration::from_millis(20);
/// The pause after the first failure to reach Redis; it doubles up to [`TICK`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Operations of workers.
pub(crate) static WORK: Target =
    Target { commit: |inner| &inner.work, script: |inner| &inner.scripts.work, head: |_| Vec::new() };

/// A worker: leases jobs that its capabilities cover. While it exists it announces itself and sweeps once a second.
pub struct Worker {
    queue: Queue,
    holder: Arc<Holder>,
    blocking: Mutex<Option<MultiplexedConnection>>,
    ticker: AbortHandle,
    /// What it announces.
    info: watch::Sender<WorkerInfo>,
}

/// The holder of leases.
pub(crate) struct Holder {
    pub(crate) name: String,
    pub(crate) options: LeaseOptions,
    is_test: bool,
    /// `class:lane` of the latest leased job, a hint for the script.
    latest_lane: std::sync::Mutex<String>,
}

impl Holder {
    fn latest_lane(&self) -> String {
        self.latest_lane.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What one `lease` operation found.
struct Taken {
    leases: Vec<Lease>,
    /// When something delayed or leased will be due.
    due: Option<Duration>,
}

impl Worker {
    pub(crate) async fn start(
        queue: Queue,
        info: WorkerInfo,
        options: LeaseOptions,
        is_test: bool,
    ) -> Result<Self, Error> {
        let suffix = uuid::Uuid::new_v4().simple().to_string();
        let holder = Arc::new(Holder {
            name: format!("{}-{}", info.name, &suffix[..8]),
            options,
            is_test,
            latest_lane: std::sync::Mutex::default(),
        });
        let info = WorkerInfo { name: holder.name.clone(), ..info };
        announce(&queue, &info, is_test).await?;
        let (info, announced) = watch::channel(info);
        let ticker = tokio::spawn(tick(queue.clone(), announced, is_test)).abort_handle();
        Ok(Self { queue, holder, blocking: Mutex::new(None), ticker, info })
    }

    /// The name of the worker in Redis.
    pub fn name(&self) -> &str {
        &self.holder.name
    }

    /// Replaces what this worker announces, at once and from now on. The name stays its own. One round trip.
    ///
    /// # Errors
    /// [`Error::InvalidName`]; [`Error::Unavailable`]: the new announcement is sent within a second nevertheless.
    pub async fn announce(&self, info: WorkerInfo) -> Result<(), Error> {
        info.capabilities.iter().try_for_each(Capability::check_names)?;
        let info = WorkerInfo { name: self.holder.name.clone(), ..info };
        self.info.send_replace(info.clone());
        announce(&self.queue, &info, self.holder.is_test).await
    }

    /// Leases up to `max` jobs, in order. When no job waits, waits up to `wait` for one and may return none. While Redis
    /// is not available the call is retried, until `wait` is over.
    ///
    /// A job whose record this version cannot read is handed back and not returned: it is offered to workers again
    /// after 10 seconds, without a charge, and fails as `unsupported_job` after 30 refusals.
    ///
    /// The future may be dropped at any time (as `tokio::select!` does): jobs that were leased for it are handed back.
    ///
    /// One round trip when a job waits. Otherwise three: the first finds no job, the second waits for one, the third
    /// leases it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when Redis was not available all the time.
    pub async fn lease(&self, max: usize, wait: Duration) -> Result<Vec<Lease>, Error> {
        if max == 0 {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + wait;
        let (mut pause, mut has_waited) = (FIRST_PAUSE, false);
        let mut call = Call::new(self, max);
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            call.has_waited = has_waited;
            let taken = self.take(call.clone()).await;
            // After an error the call is repeated under its token: Redis may have run it.
            call = if taken.is_ok() { Call::new(self, max) } else { Call { is_repeated: true, ..call } };
            let waited = match taken {
                Ok(taken) if !taken.leases.is_empty() || remaining.is_zero() => return Ok(taken.leases),
                Ok(taken) => {
                    let due = taken.due.unwrap_or(TICK).clamp(SHORTEST_WAIT, TICK);
                    self.wait(&call.pool, remaining.min(due)).await
                }
                Err(error) => Err(error),
            };
            has_waited = true;
            match waited {
                Ok(()) => pause = FIRST_PAUSE,
                Err(error) if error.is_retryable() && !remaining.is_zero() => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "cannot lease jobs, trying again");
                    sleep(pause.min(remaining)).await;
                    pause = (pause * 2).min(TICK);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Leases what waits. The operation runs in a task of its own, so that its answer is always read: when the
    /// caller has been dropped, its leases are released.
    async fn take(&self, call: Call) -> Result<Taken, Error> {
        let (sender, receiver) = oneshot::channel();
        let (queue, holder) = (self.queue.clone(), Arc::clone(&self.holder));
        tokio::spawn(async move {
            if let Err(Ok(unwanted)) = sender.send(take(queue, holder, call).await) {
                for lease in unwanted.leases {
                    if let Err(error) = lease.release().await {
                        tracing::warn!(%error, "a job that was leased for a caller which is gone cannot be handed back");
                    }
                }
            }
        });
        receiver.await.expect("the task sends its answer. This is a bug.")
    }

    /// Waits until a token wakes the pool, or `at_most` is over.
    async fn wait(&self, pool: &str, at_most: Duration) -> Result<(), Error> {
        let mut blocking = self.blocking.lock().await;
        // Taken out while it waits: if the future is dropped, the connection is closed, and no later read queues behind
        // this one.
        let mut connection = match blocking.take() {
            Some(connection) => connection,
            None => self.queue.inner.connections.blocking().await?,
        };
        let mut pop = redis::cmd("BZPOPMIN");
        // A timeout of 0 would have no end.
        pop.arg(self.queue.inner.keys.wake(pool)).arg(at_most.as_secs_f64().max(0.001));
        within(at_most + 2 * TICK, pop.query_async::<Value>(&mut connection)).await?;
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
        self.ticker.abort();
    }
}

/// A `lease` operation.
#[derive(Clone)]
struct Call {
    pool: String,
    max: usize,
    /// The token of the leases that it takes.
    token: String,
    is_repeated: bool,
    has_waited: bool,
}

impl Call {
    fn new(worker: &Worker, max: usize) -> Self {
        let pool = if worker.holder.is_test { TEST_POOL.to_owned() } else { pool(&worker.info.borrow().capabilities) };
        Self { pool, max, token: uuid::Uuid::new_v4().simple().to_string(), is_repeated: false, has_waited: false }
    }
}

async fn take(queue: Queue, holder: Arc<Holder>, call: Call) -> Result<Taken, Error> {
    let LeaseOptions { lease, max_attempts } = holder.options;
    let mut arguments = Arguments::default();
    arguments.push("lease").push(9).push(&holder.name).push(&call.pool).push(call.max).push(millis(lease));
    arguments.push(max_attempts).push(&call.token).push(u8::from(call.is_repeated)).push(u8::from(call.has_waited));
    arguments.push(holder.latest_lane());
    type Leased = Vec<(String, Option<String>, u32, u32, String)>;
    let (leased, due, lane): (Leased, i64, String) =
        answer(commit::run(&queue.inner, &WORK, arguments, call.max).await?)?;
    if !lane.is_empty() {
        *holder.latest_lane.lock().unwrap_or_else(PoisonError::into_inner) = lane;
    }
    let mut leases = Vec::with_capacity(leased.len());
    for (id, json, attempt, step, artifacts) in leased {
        let id = parse_id(&id)?;
        let job = parse_job(&json.unwrap_or_default()).and_then(|job| {
            let artifacts: Vec<Artifact> = match artifacts.as_str() {
                "" => Vec::new(),
                json => serde_json::from_str(json).map_err(|_| "artifacts: not readable".to_owned())?,
            };
            if (step as usize) <= job.next.len() {
                Ok((job, artifacts))
            } else {
                Err("job: it has fewer steps".to_owned())
            }
        });
        match job {
            Ok((job, artifacts)) => {
                leases.push(Lease::new(&queue, &holder, &call.token, job, attempt, step as usize, artifacts));
            }
            Err(reason) => {
                tracing::error!(job.id = %id, reason, "a leased job cannot be read and is handed back");
                tokio::spawn(refuse(queue.clone(), Arc::clone(&holder), id, call.token.clone()));
            }
        }
    }
    Ok(Taken { leases, due: u64::try_from(due).ok().map(Duration::from_millis) })
}

/// Hands back a job that this version cannot read.
async fn refuse(queue: Queue, holder: Arc<Holder>, id: JobId, token: String) {
    let failure = serde_json::to_string(&FailureCode::UnsupportedJob.failure()).unwrap_or_default();
    let mut arguments = Arguments::default();
    arguments.push("end").push(5).push(id.to_string()).push(token).push(&holder.name).push("refused").push(failure);
    if let Err(error) = commit::run(&queue.inner, &WORK, arguments, 1).await {
        tracing::warn!(job.id = %id, %error, "the job comes back when its lease runs out");
    }
}

/// The answer of an operation in `work.lua`.
pub(crate) fn answer<T: redis::FromRedisValue>(value: Value) -> Result<T, Error> {
    let corrupt = || Error::Corrupt { what: "an answer", source: None };
    let Value::Array(mut parts) = value else { return Err(corrupt()) };
    match (parts.len(), parts.pop()) {
        (1, Some(answer)) => redis::from_redis_value(answer).map_err(|_| corrupt()),
        // Redis ends an array at a nil.
        (0, None) => redis::from_redis_value(Value::Nil).map_err(|_| corrupt()),
        (2, Some(error)) => Err(Error::Script(redis::from_redis_value(error).unwrap_or_default())),
        _ => Err(corrupt()),
    }
}

async fn announce(queue: &Queue, info: &WorkerInfo, is_test: bool) -> Result<(), Error> {
    if is_test { queue.announce_test_worker(info).await } else { queue.announce(info).await }
}

async fn tick(queue: Queue, info: watch::Receiver<WorkerInfo>, is_test: bool) {
    loop {
        sleep(TICK).await;
        let info = info.borrow().clone();
        if let Err(error) = announce(&queue, &info, is_test).await {
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

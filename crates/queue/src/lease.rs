//! A job in a worker's hands.

use crate::entry::parse_state;
use crate::error::Error;
use crate::hub::Note;
use crate::queue::Queue;
use crate::worker::{Holder, millis};
use domain::{Failure, Job, JobState, Progress, ResultRecord};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The pause before the first retry; it doubles with every attempt.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest pause before a retry.
const LONGEST_RETRY: Duration = Duration::from_secs(60);

/// A job in a worker's hands, for as long as it is renewed. Each way to end it consumes it, so that it ends once.
///
/// One that is dropped without having been ended comes back to the queue when its time is over, and the attempt counts.
#[must_use = "a job that nobody ends is taken back when its lease runs out"]
pub struct Lease {
    queue: Queue,
    holder: Arc<Holder>,
    job: Job,
    attempt: u32,
    /// Grows with every lease of the job, also when an attempt is not counted: no two leases share one.
    fence: u64,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, attempt, fence, holder, .. } = self;
        write!(f, "Lease({}, attempt {attempt}, fence {fence}, {})", job.id, holder.name)
    }
}

/// What a worker learns when it renews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Go on.
    Held,
    /// The owner does not want the job any more: stop, and end it with [`Lease::cancelled`].
    Cancelled,
}

impl Lease {
    pub(crate) fn new(queue: Queue, holder: Arc<Holder>, job: Job, attempt: u32, fence: u64) -> Self {
        Self { queue, holder, job, attempt, fence }
    }

    /// What is to be done.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Holds the job for another lease from now. To be called at a third of the lease. One round trip.
    ///
    /// # Errors
    /// [`Error::Lost`], [`Error::Unavailable`].
    pub async fn renew(&self) -> Result<Renewal, Error> {
        self.renew_with("").await
    }

    /// Tells where the job stands, and renews. One round trip.
    ///
    /// # Errors
    /// [`Error::Lost`], [`Error::Unavailable`].
    pub async fn progress(&self, progress: &Progress) -> Result<Renewal, Error> {
        let json = serde_json::to_string(progress).map_err(Error::corrupt("progress to be written"))?;
        self.renew_with(&json).await
    }

    /// Returns when the owner has withdrawn the job, a moment after they did; never for another reason. Beside it the
    /// lease is to be renewed: when this does not hear of it, a renewal does.
    ///
    /// One round trip, one for each withdrawal, and a place at the one connection that listens for the whole process.
    pub async fn cancel_requested(&self) {
        let inner = &self.queue.inner;
        let command = redis::cmd("HEXISTS").arg(inner.keys.job(self.job.id)).arg("cancel").to_owned();
        loop {
            // First a place to listen, then a look: nothing can come in between.
            if let Ok(mut notes) = inner.hub.subscribe(self.job.id).await {
                loop {
                    match inner.connections.command::<bool>(&command).await {
                        Ok(true) => return,
                        Ok(false) => while !matches!(notes.next().await, Note::Look) {},
                        Err(_) => break,
                    }
                }
            }
            sleep(FIRST_RETRY).await;
        }
    }

    async fn renew_with(&self, progress: &str) -> Result<Renewal, Error> {
        let mut call = self.queue.call(&self.queue.inner.scripts.renew);
        call.arg(self.job.id.to_string()).arg(self.fence).arg(millis(self.holder.options.lease)).arg(progress);
        match self.queue.inner.connections.script::<i64>(&call).await? {
            0 => Ok(Renewal::Held),
            1 => Ok(Renewal::Cancelled),
            _ => Err(self.lost()),
        }
    }

    /// The job is done. One round trip; while Redis is not available it is told again, for the length of a lease.
    ///
    /// # Errors
    /// [`Error::Lost`], [`Error::Unavailable`].
    pub async fn succeed(self, result: &ResultRecord) -> Result<(), Error> {
        let json = serde_json::to_string(result).map_err(Error::corrupt("a result to be written"))?;
        self.end("succeeded", &[&json]).await.map(drop)
    }

    /// The attempt failed. A retryable failure queues the job again, after a pause that doubles with every attempt;
    /// when attempts have run out, the job has failed and leaves a dead letter. Any other failure is final at once.
    /// Returns the state after it. Round trips as for [`succeed`](Self::succeed).
    ///
    /// # Errors
    /// [`Error::Lost`], [`Error::Unavailable`].
    pub async fn fail(self, failure: &Failure) -> Result<JobState, Error> {
        let json = serde_json::to_string(failure).map_err(Error::corrupt("a failure to be written"))?;
        let delay = millis(retry_pause(self.attempt, uuid::Uuid::new_v4().as_u128())).to_string();
        self.end("failed", &[&json, if failure.retryable { "1" } else { "0" }, &delay]).await
    }

    /// Hands the job back, as a worker that is about to stop does. It is next in line, and the attempt does not count.
    /// Round trips as for [`succeed`](Self::succeed).
    ///
    /// # Errors
    /// [`Error::Lost`], [`Error::Unavailable`].
    pub async fn release(self) -> Result<(), Error> {
        self.end("released", &[]).await.map(drop)
    }

    /// The job was stopped because its owner withdrew it. Round trips as for [`succeed`](Self::succeed).
    ///
    /// # Errors
    /// [`Error::Lost`], [`Error::Unavailable`].
    pub async fn cancelled(self) -> Result<(), Error> {
        self.end("cancelled", &[]).await.map(drop)
    }

    /// Ends the attempt. It may be told twice (the first answer may get lost): the second time changes nothing.
    async fn end(self, how: &str, more: &[&str]) -> Result<JobState, Error> {
        let mut call = self.queue.call(&self.queue.inner.scripts.end);
        call.arg(self.job.id.to_string()).arg(self.fence).arg(how);
        for argument in more {
            call.arg(*argument);
        }
        let deadline = Instant::now() + self.holder.options.lease;
        let mut pause = Duration::from_millis(50);
        loop {
            match self.queue.inner.connections.script::<Option<String>>(&call).await.map_err(Error::from) {
                Ok(Some(state)) => return parse_state(&state),
                Ok(None) => return Err(self.lost()),
                Err(error) if error.is_retryable() && Instant::now() + pause < deadline => {
                    tracing::warn!(job.id = %self.job.id, how, %error, "cannot end a job, trying again");
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn lost(&self) -> Error {
        Error::Lost { job: self.job.id, attempt: self.attempt }
    }
}

/// The pause before the next attempt: doubling, and between half of it and all of it by chance, so that jobs which
/// failed together do not come back together.
fn retry_pause(attempt: u32, random: u128) -> Duration {
    let full = FIRST_RETRY.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST_RETRY);
    full / 2 + full.mul_f64((random % 1024) as f64 / 2048.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_within_its_bounds() {
        for (attempt, full) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (100, 60)] {
            let full = Duration::from_secs(full);
            assert_eq!(retry_pause(attempt, 0), full / 2);
            let most = retry_pause(attempt, 1023);
            assert!(most > full.mul_f64(0.99) && most <= full, "{most:?}");
        }
    }
}

//! A job that a worker holds.

use crate::commit::{self, Arguments};
use crate::entry::parse_state;
use crate::error::Error;
use crate::hub::Note;
use crate::queue::Queue;
use crate::worker::{Holder, WORK, answer, millis};
use domain::{Artifact, Failure, Job, JobSpec, JobState, Needs, Progress, ResultRecord};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// The pause before the first retry; it doubles with every attempt.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest pause before a retry.
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// The pause before an end is reported again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A job that a worker holds, for as long as it is renewed. Each way to end it consumes it, so that it ends once.
///
/// Only [`Error::Lost`] ends an attempt against the will of its worker. While Redis is not available the worker keeps
/// computing and keeps renewing; leases that run out during an outage are spared until their workers have had time to
/// come back.
///
/// A lease that is dropped without an end returns to the queue when its time is over, and the attempt counts once
/// progress was reported.
#[must_use = "a job whose lease is not ended is taken back when the lease runs out"]
pub struct Lease {
    queue: Queue,
    holder: Arc<Holder>,
    /// Random, and compared by every write together with the name of the worker.
    token: String,
    job: Job,
    attempt: u32,
    step: usize,
    artifacts: Vec<Artifact>,
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, attempt, step, holder, .. } = self;
        write!(f, "Lease({}, step {step}, attempt {attempt}, {})", job.id, holder.name)
    }
}

/// What a worker learns when it renews.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// The lease goes on.
    Held,
    /// The owner wants the job cancelled: stop, and end it with [`Lease::cancelled`].
    Cancelled,
}

impl Lease {
    pub(crate) fn new(
        queue: &Queue,
        holder: &Arc<Holder>,
        token: &str,
        job: Job,
        attempt: u32,
        step: usize,
        artifacts: Vec<Artifact>,
    ) -> Self {
        let (queue, holder, token) = (queue.clone(), Arc::clone(holder), token.to_owned());
        Self { queue, holder, token, job, attempt, step, artifacts }
    }

    /// The job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// The step of the job that this lease is for, from 0.
    pub fn step(&self) -> usize {
        self.step
    }

    /// What this step is to do: [`Job::spec`] first, then the entries of [`Job::next`].
    pub fn spec(&self) -> &JobSpec {
        self.step.checked_sub(1).and_then(|at| self.job.next.get(at)).unwrap_or(&self.job.spec)
    }

    /// The step that follows this one.
    pub fn next_spec(&self) -> Option<&JobSpec> {
        self.job.next.get(self.step)
    }

    /// What earlier steps made.
    pub fn artifacts(&self) -> &[Artifact] {
        &self.artifacts
    }

    /// Which attempt at this step it is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Holds the job for another lease from now. To be called each [`renew_every`](crate::LeaseOptions::renew_every).
    /// One round trip.
    ///
    /// # Errors
    /// [`Error::Lost`]; [`Error::Unavailable`], after which it is to be called again.
    pub async fn renew(&self) -> Result<Renewal, Error> {
        self.renew_with("", 0.0).await
    }

    /// Reports progress, and renews. One round trip.
    ///
    /// # Errors
    /// As [`renew`](Self::renew).
    pub async fn progress(&self, progress: &Progress) -> Result<Renewal, Error> {
        let json = serde_json::to_string(progress).map_err(Error::corrupt("progress to be written"))?;
        self.renew_with(&json, progress.fraction).await
    }

    /// Returns when the owner wants the job cancelled, a moment after the request; never for another reason. The lease
    /// is to be renewed meanwhile: a renewal reports the request as well.
    ///
    /// One round trip, another for each request, and a subscription on the one connection for those of the process.
    pub async fn cancel_requested(&self) {
        let inner = &self.queue.inner;
        let command = redis::cmd("HGET").arg(inner.keys.job(self.job.id)).arg("cancel").to_owned();
        loop {
            // Subscribed first, then read: nothing is missed in between.
            if let Ok(mut notes) = inner.hub.subscribe(self.job.id).await {
                loop {
                    match inner.connections.command::<Option<String>>(&command).await {
                        Ok(Some(cancel)) if cancel == "1" => return,
                        Ok(_) => while !matches!(notes.next().await, Note::Look) {},
                        Err(_) => break,
                    }
                }
            }
            sleep(FIRST_RETRY).await;
        }
    }

    async fn renew_with(&self, progress: &str, fraction: f64) -> Result<Renewal, Error> {
        let percent = (fraction.clamp(0.0, 1.0) * 100.0) as u32;
        let mut arguments = Arguments::default();
        arguments.push("renew").push(6).push(self.job.id.to_string()).push(&self.token).push(&self.holder.name);
        arguments.push(millis(self.holder.options.lease)).push(progress).push(percent);
        match answer::<i64>(commit::run(&self.queue.inner, &WORK, arguments, 1).await?)? {
            0 => Ok(Renewal::Held),
            1 => Ok(Renewal::Cancelled),
            _ => Err(self.lost()),
        }
    }

    /// The job has succeeded. One round trip. While Redis is not available it is reported again, for as long as the
    /// future is polled.
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub async fn succeed(self, result: &ResultRecord) -> Result<(), Error> {
        let json = serde_json::to_string(result).map_err(Error::corrupt("a result to be written"))?;
        self.end("succeeded", &[&json]).await.map(drop)
    }

    /// The attempt failed. A retryable failure queues the job again, after a pause that doubles with every attempt;
    /// when attempts have run out, the job fails and leaves a dead letter. Any other failure is final at once. Returns
    /// the state after it. Round trips as for [`succeed`](Self::succeed).
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub async fn fail(self, failure: &Failure) -> Result<JobState, Error> {
        let json = serde_json::to_string(failure).map_err(Error::corrupt("a failure to be written"))?;
        let delay = millis(retry_pause(self.attempt, uuid::Uuid::new_v4().as_u128())).to_string();
        self.end("failed", &[&json, if failure.retryable { "1" } else { "0" }, &delay]).await
    }

    /// Hands the job back, as a worker that is about to stop does. It is next, and the attempt does not count. Round
    /// trips as for [`succeed`](Self::succeed).
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub async fn release(self) -> Result<(), Error> {
        self.end("released", &[]).await.map(drop)
    }

    /// The job was stopped because its owner wants it cancelled. Round trips as for [`succeed`](Self::succeed).
    ///
    /// # Errors
    /// [`Error::Lost`].
    pub async fn cancelled(self) -> Result<(), Error> {
        self.end("cancelled", &[]).await.map(drop)
    }

    /// This step is done and another follows: the job is queued ahead for a worker that covers `needs`, with all
    /// artifacts made so far. It keeps its id and the numbering of its events; attempts are counted anew, and no
    /// attempt is charged. Returns the state after it. Round trips as for [`succeed`](Self::succeed).
    ///
    /// # Errors
    /// [`Error::Lost`]; [`Error::NoNextStep`] when this is the last step; [`Error::InvalidName`].
    pub async fn hand_over(self, artifacts: &[Artifact], needs: &Needs) -> Result<JobState, Error> {
        if self.next_spec().is_none() {
            return Err(Error::NoNextStep(self.job.id));
        }
        needs.check_names()?;
        let json = serde_json::to_string(artifacts).map_err(Error::corrupt("artifacts to be written"))?;
        self.end("handed_over", &[&json, &needs.lane()]).await
    }

    /// Ends the attempt. It may be reported twice (the first answer may get lost): the second time changes nothing.
    async fn end(self, how: &str, more: &[&str]) -> Result<JobState, Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            let mut arguments = Arguments::default();
            arguments.push("end").push(4 + more.len()).push(self.job.id.to_string()).push(&self.token);
            arguments.push(&self.holder.name).push(how);
            for argument in more {
                arguments.push(*argument);
            }
            match commit::run(&self.queue.inner, &WORK, arguments, 1).await.and_then(answer::<Option<String>>) {
                Ok(Some(state)) => return parse_state(&state),
                Ok(None) => return Err(self.lost()),
                Err(error) if error.is_retryable() => {
                    tracing::warn!(job.id = %self.job.id, how, %error, "cannot report the end of an attempt, trying again");
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn lost(&self) -> Error {
        Error::Lost { job: self.job.id, attempt: self.attempt }
    }
}

/// The pause before the next attempt: doubling, and between half of it and all of it at random, so that jobs which
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

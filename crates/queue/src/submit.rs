//! Submission of jobs, with their bounds, and its outcomes.

use crate::commit::{self, Arguments, Target};
use crate::entry::{parse_id, parse_state};
use crate::error::Error;
use crate::position::QueuePosition;
use crate::queue::Queue;
use domain::{BatchId, Job, JobId, JobState, Needs};
use std::fmt::Write;
use std::time::Duration;

/// Most jobs that one batch may have.
pub const MAX_BATCH: usize = 256;

/// Submissions of this process.
static SUBMISSIONS: Target = Target {
    commit: |inner| &inner.submissions,
    script: |inner| &inner.scripts.submit,
    head: |inner| vec![inner.max_depth, inner.cache_ms],
};

/// A job, and how it is to be accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The job.
    pub job: Job,
    /// What a worker must be able to do for its first step: this decides the lane.
    pub needs: Needs,
    /// A digest of the request: the same id with another fingerprint is refused. Only the first 16 bytes are compared.
    pub fingerprint: Option<[u8; 32]>,
    /// A digest of the result to be made, owner included: a job with an equal digest that waits, runs, or has recently
    /// succeeded answers the submission. Only the first 16 bytes are compared.
    pub same_as: Option<[u8; 32]>,
    /// The bounds of the job's owner. Weight and `max_running` hold from now on for all of the owner's jobs.
    pub bounds: TenantBounds,
}

impl From<Job> for Submission {
    /// A job without fingerprint, digest and bounds. If it names no grid, any worker can run it with its default grid.
    fn from(job: Job) -> Self {
        let needs = job.spec.needs(0);
        Self { job, needs, fingerprint: None, same_as: None, bounds: TenantBounds::default() }
    }
}

/// How much of the queue a tenant may use, in one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TenantBounds {
    /// The share of the tenant relative to other tenants of its class; 2 gets twice as much as 1. Clamped to 0.001 and
    /// 1000.
    pub weight: f64,
    /// Most jobs, queued and running; further ones are refused. 0: no bound.
    pub max_active: u64,
    /// Most jobs that run at once; further ones wait. 0: no bound.
    pub max_running: u64,
    /// Most jobs that wait; further ones are refused. 0: no bound.
    pub max_queued: u64,
}

impl Default for TenantBounds {
    /// Weight 1, no bounds.
    fn default() -> Self {
        Self { weight: 1.0, max_active: 0, max_running: 0, max_queued: 0 }
    }
}

/// How a submission was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitOutcome {
    /// With a new job.
    New,
    /// With the job that an earlier submission of this id was answered with.
    Repeated,
    /// With a waiting or running job that makes the same.
    Attached,
    /// With a succeeded job that made the same.
    Cached,
}

/// A submission that was accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Submitted {
    /// The job that answers. It has another id than the one submitted when it is [`SubmitOutcome::Attached`] or
    /// [`SubmitOutcome::Cached`], and when such a submission is repeated.
    pub id: JobId,
    /// Its state.
    pub state: JobState,
    /// How the submission was answered.
    pub outcome: SubmitOutcome,
    /// Where it stands in the queue.
    pub position: QueuePosition,
}

impl Queue {
    /// Queues a job, unless it is there already. One round trip.
    ///
    /// # Errors
    /// [`Error::Conflict`]; [`Error::Full`], [`Error::TooManyActive`], [`Error::TooManyQueued`],
    /// [`Error::TooManyLanes`]; [`Error::InvalidName`]; [`Error::Memory`], [`Error::Disk`], [`Error::Replicas`], [`Error::Unavailable`]. Nothing was written then.
    pub async fn submit(&self, submission: &Submission) -> Result<Submitted, Error> {
        let submitted = self.submit_all(None, std::slice::from_ref(submission)).await?;
        submitted.into_iter().next().ok_or(Error::Corrupt { what: "an answer", source: None })
    }

    /// Queues the jobs of a batch, all or none. They belong to one tenant, whose bounds are those of the first job; at
    /// most [`MAX_BATCH`]. The same batch may be submitted again: jobs whose retention is over are made anew. One round
    /// trip.
    ///
    /// # Errors
    /// As for [`submit`](Self::submit), and [`Error::InvalidBatch`].
    pub async fn submit_batch(&self, batch: BatchId, submissions: &[Submission]) -> Result<Vec<Submitted>, Error> {
        if submissions.is_empty() || submissions.len() > MAX_BATCH {
            return Err(Error::InvalidBatch("a batch has 1 to 256 jobs"));
        }
        let first = &submissions[0].job;
        if submissions.iter().any(|s| (&s.job.owner, s.job.class) != (&first.owner, first.class)) {
            return Err(Error::InvalidBatch("the jobs of a batch are of one owner and one class"));
        }
        self.submit_all(Some(batch), submissions).await
    }

    async fn submit_all(&self, batch: Option<BatchId>, submissions: &[Submission]) -> Result<Vec<Submitted>, Error> {
        let Submission { job: Job { owner, class, .. }, bounds, .. } = &submissions[0];
        let weight = if bounds.weight.is_nan() { 1.0 } else { bounds.weight.clamp(0.001, 1000.0) };
        let mut arguments = Arguments::default();
        arguments.push(submissions.len()).push(tenant(*class, owner)).push(weight).push(bounds.max_active);
        arguments.push(bounds.max_running).push(bounds.max_queued);
        arguments.push(batch.map_or(String::new(), |batch| batch.to_string()));
        for Submission { job, needs, fingerprint, same_as, .. } in submissions {
            needs.check_names()?;
            job.next.iter().try_for_each(|spec| spec.needs(0).check_names())?;
            let json = serde_json::to_string(job).map_err(Error::corrupt("a job to be written"))?;
            arguments.push(job.id.to_string()).push(json).push(hex(*fingerprint)).push(hex(*same_as));
            arguments.push(needs.lane()).push(job.submitted_ms);
        }
        let answer = commit::run(&self.inner, &SUBMISSIONS, arguments, submissions.len()).await?;
        let corrupt = |_| Error::Corrupt { what: "an answer", source: None };
        type Answer = (String, Vec<u64>, redis::Value);
        let (word, numbers, jobs): Answer = redis::from_redis_value(answer).map_err(corrupt)?;
        let number = |k: usize| numbers.get(k).copied().unwrap_or_default();
        let (there, retry_after) = (number(0), retry_after(number(1)));
        match word.as_str() {
            "ok" => {
                let jobs: Vec<Answered> = redis::from_redis_value(jobs).map_err(corrupt)?;
                jobs.into_iter().map(submitted).collect()
            }
            "conflict" => Err(Error::Conflict),
            "full" => Err(Error::Full { class: *class, depth: there, retry_after }),
            "active" => Err(Error::TooManyActive { active: there, most: bounds.max_active, retry_after }),
            "lanes" => Err(Error::TooManyLanes { lanes: there, retry_after }),
            "queued" => Err(Error::TooManyQueued { queued: there, most: bounds.max_queued, retry_after }),
            _ => Err(Error::Script(redis::from_redis_value(jobs).unwrap_or_default())),
        }
    }
}

/// A job that answers: id, state, outcome, position, ms until it is done, whether no live worker covers it.
type Answered = (String, String, String, u64, i64, u8);

fn submitted(answer: Answered) -> Result<Submitted, Error> {
    let (id, state, outcome, position, eta, no_worker) = answer;
    let outcome = match outcome.as_str() {
        "new" => SubmitOutcome::New,
        "repeated" => SubmitOutcome::Repeated,
        "attached" => SubmitOutcome::Attached,
        "cached" => SubmitOutcome::Cached,
        _ => return Err(Error::Corrupt { what: "an answer", source: None }),
    };
    let position = QueuePosition::new(position, eta, no_worker);
    Ok(Submitted { id: parse_id(&id)?, state: parse_state(&state)?, outcome, position })
}

/// The name of a tenant in Redis: an owner in one class.
pub(crate) fn tenant(class: domain::Class, owner: &str) -> String {
    format!("{}:{owner}", class.as_str())
}

/// When to try again: whole seconds, from one to an hour.
pub(crate) fn retry_after(ms: u64) -> Duration {
    Duration::from_secs(ms.div_ceil(1000).clamp(1, 3600))
}

/// The first half of a digest: 128 bits do not collide by chance, and each byte is stored for every job.
pub(crate) fn hex(digest: Option<[u8; 32]>) -> String {
    let mut text = String::new();
    for byte in digest.iter().flat_map(|digest| &digest[..16]) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

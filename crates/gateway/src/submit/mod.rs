//! From what is asked for to jobs in the queue.
//!
//! The order is such that whatever is refused leaves nothing behind: workers that could do it, the pictures (layers 5
//! and 6), the quotas of the day, and only then blobs and queue. A queue that is away is found out before anything is
//! stored. Should it go in between, pictures are left that no job names; they are swept with the old ones, and the same
//! picture sent again finds them.

mod digest;
mod naming;
mod seed;
mod workers;

pub(crate) use naming::Naming;

use crate::intake::Intake;
use crate::parameters::{Wish, part};
use crate::transport::Rooms;
use access::limits::{Limiter, Receipt, Work};
use access::{Caller, Operation};
use blobs::Blobs;
use domain::{BatchId, Class, ImageToMesh, Job, JobId, JobRecord, Parameters};
use futures_util::future::{join_all, try_join_all};
use http_api::Problem;
use http_api::names::{batch_member, namespace};
use picture::{CheckedPicture, Warning};
use queue::{Queue, Submission, SubmitOutcome, Submitted, TenantBounds};
use telemetry::names;
use workers::{Crew, Workers};

/// Where jobs are handed in.
pub(crate) struct Desk {
    pub(crate) queue: Queue,
    pub(crate) blobs: Blobs,
    pub(crate) limiter: Limiter,
    pub(crate) rooms: Rooms,
    pub(crate) intake: Intake,
    workers: Workers,
}

/// What is asked for, by whom.
pub(crate) struct Errand<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) wish: Wish,
    pub(crate) naming: Naming,
    /// What a test key's jobs are to play.
    pub(crate) scenario: Option<String>,
}

/// A job that was accepted.
pub(crate) struct Taken {
    pub(crate) submitted: Submitted,
    /// The seed that it is made with.
    pub(crate) seed: u64,
    /// What is doubtful about its picture.
    pub(crate) warnings: Vec<Warning>,
    /// All that is known of it, if it is not a new one.
    pub(crate) known: Option<JobRecord>,
}

impl Desk {
    pub(crate) fn new(queue: Queue, blobs: Blobs, limiter: Limiter, rooms: Rooms, intake: Intake) -> Self {
        Self { queue, blobs, limiter, rooms, intake, workers: Workers::default() }
    }

    /// Takes in one job.
    pub(crate) async fn take(&self, errand: Errand<'_>) -> Result<Taken, Problem> {
        let id = errand.naming.job(&namespace(errand.caller));
        let repeats = errand.naming.is_any() && self.queue.answered_with(id).await?.is_some();
        let (crew, prepared) = self.prepare(&errand, false).await?;
        let receipt = self.charge(&errand, Operation::Generate, &prepared, repeats).await?;
        let submitted = async {
            let submissions = self.store(&errand, &crew, &prepared, None, |_| id).await?;
            let [submission] = submissions.as_slice() else { return Err(lost_count()) };
            Ok(vec![self.queue.submit(submission).await?])
        };
        let submitted = self.settle(receipt, submitted.await).await?;
        self.taken(prepared, submitted).await?.pop().ok_or_else(lost_count)
    }

    /// Takes in a batch, all of it or nothing.
    pub(crate) async fn take_batch(&self, errand: Errand<'_>) -> Result<(BatchId, Vec<Taken>), Problem> {
        let batch = errand.naming.batch(&namespace(errand.caller));
        let repeats = errand.naming.is_any() && self.queue.batch(batch).await?.is_some();
        let (crew, prepared) = self.prepare(&errand, true).await?;
        let receipt = self.charge(&errand, Operation::Batch, &prepared, repeats).await?;
        let submitted = async {
            let submissions = self.store(&errand, &crew, &prepared, Some(batch), |n| batch_member(batch, n)).await?;
            const { assert!(access::MAX_BATCH_SIZE as usize <= queue::MAX_BATCH) };
            Ok(self.queue.submit_batch(batch, &submissions).await?)
        };
        let submitted = self.settle(receipt, submitted.await).await?;
        Ok((batch, self.taken(prepared, submitted).await?))
    }

    /// Everything that can be refused without a trace. What is wrong with one picture of a batch is said with its place.
    async fn prepare(&self, errand: &Errand<'_>, is_batch: bool) -> Result<(Crew, Vec<Prepared>), Problem> {
        let orders = &errand.wish.orders;
        let placed = |index: usize, problem: Problem| if is_batch { problem.within(&part(index)) } else { problem };
        // Test keys need no worker, and what answers in place of a model never changes.
        let crew = match errand.caller.job_class() {
            Class::Test => Crew::played(),
            Class::Agent | Class::User => self.workers.crew(&self.queue).await?,
        };
        for (index, order) in orders.iter().enumerate() {
            crew.check(&order.parameters).map_err(|problem| placed(index, problem))?;
        }
        let pictures = join_all(orders.iter().map(|order| self.intake.admit(&order.source))).await;
        let mut prepared = Vec::with_capacity(orders.len());
        for (index, (order, picture)) in orders.iter().zip(pictures).enumerate() {
            let picture = picture.map_err(|problem| placed(index, problem))?;
            let mut parameters = order.parameters.clone();
            // Who sends no seed asks for a new variation each time.
            let is_repeatable = errand.wish.cache && parameters.seed.is_some();
            let seed = parameters.seed.map_or_else(seed::draw, Ok)?;
            parameters.seed = Some(seed);
            prepared.push(Prepared { picture, parameters, seed, is_repeatable });
        }
        Ok((crew, prepared))
    }

    /// Charges the quotas of the day, unless this was charged before.
    async fn charge(
        &self,
        errand: &Errand<'_>,
        operation: Operation,
        prepared: &[Prepared],
        repeats: bool,
    ) -> Result<Option<Receipt>, Problem> {
        if repeats {
            return Ok(None);
        }
        let pixels = |one: &Prepared| u64::from(one.picture.width) * u64::from(one.picture.height);
        let jobs = u32::try_from(prepared.len()).unwrap_or(u32::MAX);
        let work = Work { jobs, pixels: prepared.iter().map(pixels).sum() };
        Ok(Some(self.limiter.charge(errand.caller, operation, work).await?))
    }

    /// Puts the pictures where workers find them, and writes what the queue is to be told.
    async fn store(
        &self,
        errand: &Errand<'_>,
        crew: &Crew,
        prepared: &[Prepared],
        batch: Option<BatchId>,
        id: impl Fn(usize) -> JobId,
    ) -> Result<Vec<Submission>, Problem> {
        self.queue.ping().await?;
        let images = try_join_all(prepared.iter().map(|one| self.blobs.put(one.picture.bytes.clone()))).await?;
        let Errand { caller, wish, naming, scenario } = errand;
        let fingerprint = naming.is_any().then(|| digest::of_wish(wish));
        let limits = &caller.tenant.limits;
        let bounds = TenantBounds {
            weight: limits.weight,
            max_active: limits.max_active_jobs,
            max_running: limits.max_running_jobs,
            max_queued: limits.max_queued_jobs,
        };
        let submissions = prepared.iter().zip(images).enumerate().map(|(index, (one, image))| {
            let is_repeatable = one.is_repeatable && !crew.models.is_empty();
            let same_as =
                is_repeatable.then(|| digest::of_mesh(&namespace(caller), &image, &one.parameters, &crew.models));
            let job = Job {
                v: Job::VERSION,
                id: id(index),
                owner: caller.tenant.id.to_string(),
                class: caller.job_class(),
                batch,
                scenario: scenario.clone(),
                spec: ImageToMesh::of_front(image, one.parameters.clone()).into(),
                next: Vec::new(),
                submitted_ms: seed::now_ms(),
                traceparent: telemetry::traceparent(),
            };
            Submission { fingerprint, same_as, bounds, ..job.into() }
        });
        Ok(submissions.collect())
    }

    /// Gives back what was charged for nothing.
    async fn settle(
        &self,
        receipt: Option<Receipt>,
        submitted: Result<Vec<Submitted>, Problem>,
    ) -> Result<Vec<Submitted>, Problem> {
        let is_new = submitted.as_ref().is_ok_and(|all| all.iter().any(|one| one.outcome == SubmitOutcome::New));
        match receipt {
            Some(receipt) if is_new => receipt.keep(),
            Some(receipt) => {
                if let Err(error) = receipt.refund().await {
                    tracing::warn!(error = &error as &dyn std::error::Error, "a charge could not be refunded");
                }
            }
            None => {}
        }
        submitted
    }

    async fn taken(&self, prepared: Vec<Prepared>, submitted: Vec<Submitted>) -> Result<Vec<Taken>, Problem> {
        let mut taken = Vec::with_capacity(submitted.len());
        for (Prepared { picture, seed, .. }, submitted) in prepared.into_iter().zip(submitted) {
            metrics::counter!(names::JOBS_SUBMITTED, "outcome" => outcome(submitted.outcome)).increment(1);
            // The job that answers may have been made with another seed: none was sent, and it was there before.
            let known =
                if submitted.outcome == SubmitOutcome::New { None } else { self.queue.record(submitted.id).await? };
            if submitted.outcome == SubmitOutcome::New {
                metrics::histogram!(names::UPLOAD_BYTES).record(picture.bytes.len() as f64);
            }
            let seed = known.as_ref().and_then(|record| record.job.parameters()?.seed).unwrap_or(seed);
            taken.push(Taken { submitted, seed, warnings: picture.warnings, known });
        }
        Ok(taken)
    }
}

/// A job that can be submitted.
struct Prepared {
    picture: CheckedPicture,
    parameters: Parameters,
    seed: u64,
    /// A mesh that was made before will do.
    is_repeatable: bool,
}

fn outcome(outcome: SubmitOutcome) -> &'static str {
    match outcome {
        SubmitOutcome::New => "new",
        SubmitOutcome::Repeated => "repeated",
        SubmitOutcome::Attached => "attached",
        SubmitOutcome::Cached => "cached",
    }
}

fn lost_count() -> Problem {
    Problem::new(&http_api::codes::INTERNAL, "The job could not be submitted.").because("no answer for a submission")
}

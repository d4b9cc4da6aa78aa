//! Turns parsed requests into jobs in the queue.
//!
//! The order is such that a request that is refused leaves nothing behind: a request that was sent before is answered
//! from the queue alone; then the model and the workers are checked, the images, the quotas, and only then blobs and
//! queue are written. The queue is asked whether it is there before anything is stored. If it fails in between, images
//! remain that no job names; garbage collection deletes them, and the same request sent again uses them.
//!
//! From the charge on, the work runs in a task of its own: a client that disconnects neither loses a charge nor leaves a
//! job that was refunded.

mod digest;
mod fleet;
mod naming;
mod prepare;
mod seed;

pub(crate) use digest::fingerprint;
pub(crate) use fleet::Workers;
pub(crate) use naming::Naming;

use crate::fetch::Fetcher;
use crate::image_check::ImageChecker;
use crate::memory::{MemoryBudget, UploadPermit};
use crate::parse::ParsedRequest;
use access::limits::{Limiter, Receipt, Work};
use access::{Caller, Operation};
use blobs::Blobs;
use domain::{BatchId, ImageToMesh, Job, JobId, JobRecord, ViewImage};
use futures_util::future::try_join_all;
use http_api::names::{batch_member, namespace};
use http_api::{Problem, codes};
use picture::Warning;
use prepare::{Prepared, PreparedJobs};
use queue::{JobEntry, Queue, Submission, SubmitOutcome, Submitted, TenantBounds};
use telemetry::names;
use tracing::Instrument;

/// Submits jobs. Clones share everything.
#[derive(Clone)]
pub(crate) struct SubmitService {
    pub(crate) queue: Queue,
    pub(crate) blobs: Blobs,
    pub(crate) limiter: Limiter,
    pub(crate) memory: MemoryBudget,
    pub(crate) images: ImageChecker,
    pub(crate) fetcher: Fetcher,
    pub(crate) workers: Workers,
}

/// A parsed request with its sender.
pub(crate) struct SubmitRequest {
    pub(crate) caller: Caller,
    pub(crate) parsed: ParsedRequest,
    /// The digest of `parsed`; see [`fingerprint`].
    pub(crate) fingerprint: [u8; 32],
    pub(crate) naming: Naming,
    /// How the jobs of a test key are simulated.
    pub(crate) scenario: Option<String>,
    /// The memory of the request, released with it.
    pub(crate) memory: UploadPermit,
}

/// A job that was accepted.
pub(crate) struct AcceptedJob {
    pub(crate) submitted: Submitted,
    /// The seed that it is made with.
    pub(crate) seed: u64,
    /// Doubts about its images.
    pub(crate) warnings: Vec<Warning>,
    /// Its record, if it is not a new job.
    pub(crate) record: Option<JobRecord>,
}

impl SubmitService {
    /// Submits one job.
    pub(crate) async fn submit(&self, request: SubmitRequest) -> Result<AcceptedJob, Problem> {
        let id = request.naming.job(&namespace(&request.caller));
        if request.naming.is_any()
            && let Some(entry) = self.queue.repeated(id, request.fingerprint).await?
        {
            return repeated(entry);
        }
        let prepared = self.prepare(&request, false).await?;
        self.commit(request, prepared, Operation::Generate, None, move |_| id).await?.pop().ok_or_else(no_answer)
    }

    /// Submits a batch, all of it or nothing.
    pub(crate) async fn submit_batch(&self, request: SubmitRequest) -> Result<(BatchId, Vec<AcceptedJob>), Problem> {
        let batch = request.naming.batch(&namespace(&request.caller));
        let known = match request.naming.is_any() {
            true => self.members(batch, request.fingerprint).await?,
            false => Vec::new(),
        };
        if !known.is_empty() && known.iter().all(Option::is_some) {
            return Ok((batch, known.into_iter().flatten().map(repeated).collect::<Result<_, _>>()?));
        }
        let mut prepared = self.prepare(&request, true).await?;
        for (job, entry) in prepared.jobs.iter_mut().zip(known) {
            job.is_known = entry.is_some();
        }
        let id = move |n| batch_member(batch, n);
        Ok((batch, self.commit(request, prepared, Operation::Batch, Some(batch), id).await?))
    }

    /// The jobs of a batch that was submitted before; `None` for one whose retention is over. Empty for a new batch.
    async fn members(&self, batch: BatchId, fingerprint: [u8; 32]) -> Result<Vec<Option<JobEntry>>, Problem> {
        // The first job carries the fingerprint of the whole batch.
        self.queue.repeated(batch_member(batch, 0), fingerprint).await?;
        let record = self.queue.batch(batch).await?;
        Ok(record.map(|record| record.members.into_iter().map(|member| member.entry).collect()).unwrap_or_default())
    }

    /// Charges, stores and submits, in a task that the end of the request does not cancel.
    async fn commit(
        &self,
        request: SubmitRequest,
        prepared: PreparedJobs,
        operation: Operation,
        batch: Option<BatchId>,
        id: impl Fn(usize) -> JobId + Send + 'static,
    ) -> Result<Vec<AcceptedJob>, Problem> {
        let service = self.clone();
        let task = async move {
            let PreparedJobs { jobs: prepared, memory } = prepared;
            let receipt = service.charge(&request, &prepared, operation).await?;
            let submitted = async {
                let submissions = service.store(&request, &prepared, batch, id).await?;
                match (batch, submissions.as_slice()) {
                    (Some(batch), submissions) => {
                        const { assert!(access::MAX_BATCH_SIZE as usize <= queue::MAX_BATCH) };
                        Ok(service.queue.submit_batch(batch, submissions).await?)
                    }
                    (None, [submission]) => Ok(vec![service.queue.submit(submission).await?]),
                    (None, _) => Err(no_answer()),
                }
            };
            let submitted = submitted.await;
            let submitted = service.settle(receipt, &prepared, submitted).await?;
            let accepted = service.accepted(prepared, submitted).await;
            // The images are stored, and the answer does not hold them.
            drop((request.memory, memory));
            accepted
        };
        tokio::spawn(task.instrument(tracing::Span::current()))
            .await
            .map_err(|error| Problem::new(&codes::INTERNAL, "The job could not be submitted.").because(error))?
    }

    /// Charges the quotas of the day for all jobs that are not known yet.
    async fn charge(
        &self,
        request: &SubmitRequest,
        prepared: &[Prepared],
        operation: Operation,
    ) -> Result<Receipt, Problem> {
        let work = work(prepared.iter().filter(|one| !one.is_known));
        Ok(self.limiter.charge(&request.caller, operation, work).await?)
    }

    /// Stores the images and returns what is to be submitted.
    async fn store(
        &self,
        request: &SubmitRequest,
        prepared: &[Prepared],
        batch: Option<BatchId>,
        id: impl Fn(usize) -> JobId,
    ) -> Result<Vec<Submission>, Problem> {
        self.queue.ping().await?;
        let stored = prepared.iter().map(|one| {
            try_join_all(one.images.iter().map(async |(view, image)| {
                Ok::<_, Problem>(ViewImage { view: *view, image: self.blobs.put(image.bytes.clone()).await? })
            }))
        });
        let stored = try_join_all(stored).await?;
        let SubmitRequest { caller, naming, scenario, .. } = request;
        let fingerprint = naming.is_any().then_some(request.fingerprint);
        let limits = &caller.tenant.limits;
        let bounds = TenantBounds {
            weight: limits.weight,
            max_active: limits.max_active_jobs,
            max_running: limits.max_running_jobs,
            max_queued: limits.max_queued_jobs,
        };
        let submissions = prepared.iter().zip(stored).enumerate().map(|(index, (one, images))| {
            let Prepared { parameters, plan, .. } = one;
            let is_repeatable = one.is_repeatable && !plan.digests.is_empty();
            let same_as =
                is_repeatable.then(|| digest::of_result(&namespace(caller), &images, parameters, &plan.digests));
            let spec = ImageToMesh { images, model: plan.model.clone(), parameters: parameters.clone() }.into();
            let job = Job {
                v: Job::VERSION,
                id: id(index),
                owner: caller.tenant.id.to_string(),
                class: caller.job_class(),
                batch,
                scenario: scenario.clone(),
                spec,
                next: Vec::new(),
                submitted_ms: seed::now_ms(),
                traceparent: telemetry::traceparent(),
            };
            Submission { job, needs: one.needs.clone(), fingerprint, same_as, bounds }
        });
        Ok(submissions.collect())
    }

    /// Keeps the charge for the new jobs, and refunds the rest.
    async fn settle(
        &self,
        receipt: Receipt,
        prepared: &[Prepared],
        submitted: Result<Vec<Submitted>, Problem>,
    ) -> Result<Vec<Submitted>, Problem> {
        let outcomes = submitted.iter().flatten().map(|one| one.outcome);
        let new = prepared.iter().zip(outcomes).filter(|(_, outcome)| *outcome == SubmitOutcome::New);
        if let Err(error) = receipt.keep_only(work(new.map(|(one, _)| one))).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a charge could not be refunded");
        }
        submitted
    }

    async fn accepted(&self, prepared: Vec<Prepared>, submitted: Vec<Submitted>) -> Result<Vec<AcceptedJob>, Problem> {
        let mut accepted = Vec::with_capacity(submitted.len());
        for (one, submitted) in prepared.into_iter().zip(submitted) {
            count(submitted.outcome);
            // A job that was there before may have been made with another seed.
            let record = match submitted.outcome {
                SubmitOutcome::New => None,
                _ => self.queue.record(submitted.id).await?,
            };
            let seed = record.as_ref().and_then(|record| record.job.parameters()?.seed).unwrap_or(one.seed);
            let mut warnings: Vec<Warning> = Vec::new();
            for (_, image) in one.images {
                if record.is_none() {
                    metrics::histogram!(names::UPLOAD_BYTES).record(image.bytes.len() as f64);
                }
                let new = image.warnings.into_iter().filter(|new| !warnings.contains(new)).collect::<Vec<_>>();
                warnings.extend(new);
            }
            accepted.push(AcceptedJob { submitted, seed, warnings, record }.with_doubts());
        }
        Ok(accepted)
    }
}

impl AcceptedJob {
    /// Adds the warning about a job that no live worker can run.
    fn with_doubts(mut self) -> Self {
        if self.submitted.position.no_worker {
            let detail = "No worker that is running can run this job; it waits until one is started.".to_owned();
            self.warnings.push(Warning { code: "no_worker", detail });
        }
        self
    }
}

/// The answer to a request that was sent before.
fn repeated(entry: JobEntry) -> Result<AcceptedJob, Problem> {
    let record = entry.record.map_err(queue::Error::from)?;
    count(SubmitOutcome::Repeated);
    let JobEntry { id, state, position, .. } = entry;
    let submitted = Submitted { id, state, outcome: SubmitOutcome::Repeated, position };
    let seed = record.job.parameters().and_then(|parameters| parameters.seed).unwrap_or_default();
    Ok(AcceptedJob { submitted, seed, warnings: Vec::new(), record: Some(record) }.with_doubts())
}

/// The work of some jobs.
fn work<'a>(jobs: impl Iterator<Item = &'a Prepared>) -> Work {
    jobs.fold(Work::default(), |sum, job| Work { jobs: sum.jobs + 1, pixels: sum.pixels + job.pixels() })
}

fn count(outcome: SubmitOutcome) {
    let outcome = match outcome {
        SubmitOutcome::New => "new",
        SubmitOutcome::Repeated => "repeated",
        SubmitOutcome::Attached => "attached",
        SubmitOutcome::Cached => "cached",
    };
    metrics::counter!(names::JOBS_SUBMITTED, "outcome" => outcome).increment(1);
}

fn no_answer() -> Problem {
    Problem::new(&codes::INTERNAL, "The job could not be submitted.").because("no answer for a submission")
}

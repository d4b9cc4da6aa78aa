//! Everything about a request that can be refused before anything is written.

use super::fleet::{Fleet, Plan};
use super::{SubmitRequest, SubmitService, seed};
use crate::parse::{ImageSource, part};
use domain::{Class, Needs, Parameters, View};
use futures_util::future::{join_all, try_join_all};
use http_api::{Problem, codes};
use picture::CheckedPicture;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::OwnedSemaphorePermit;

/// The jobs of a request, with the memory of the images that were fetched for them.
pub(super) struct PreparedJobs {
    pub(super) jobs: Vec<Prepared>,
    pub(super) memory: Option<OwnedSemaphorePermit>,
}

/// A job that can be submitted.
pub(super) struct Prepared {
    /// The images, by view.
    pub(super) images: Vec<(View, CheckedPicture)>,
    pub(super) parameters: Parameters,
    pub(super) seed: u64,
    pub(super) plan: Plan,
    pub(super) needs: Needs,
    /// Whether a result that was made before may answer.
    pub(super) is_repeatable: bool,
    /// Whether the same request has made it before, so that it is not charged again.
    pub(super) is_known: bool,
}

impl Prepared {
    /// The pixels of all images.
    pub(super) fn pixels(&self) -> u64 {
        self.images.iter().map(|(_, image)| u64::from(image.width) * u64::from(image.height)).sum()
    }
}

impl SubmitService {
    /// Checks models, workers and images. An error about one image of a batch names its place.
    pub(super) async fn prepare(&self, request: &SubmitRequest, is_batch: bool) -> Result<PreparedJobs, Problem> {
        let jobs = &request.parsed.jobs;
        let placed = |index: usize, problem: Problem| if is_batch { problem.within(&part(index)) } else { problem };
        // Jobs of test keys are simulated and need no worker.
        let fleet = match request.caller.job_class() {
            Class::Test => Arc::new(Fleet::simulated()),
            Class::Agent | Class::User => self.workers.fleet(&self.queue).await?,
        };
        let mut plans = Vec::with_capacity(jobs.len());
        for (index, job) in jobs.iter().enumerate() {
            let planned = fleet.plan(job).and_then(|plan| {
                let needs = plan.needs(job);
                fleet.check(&needs).map(|()| (plan, needs))
            });
            plans.push(planned.map_err(|problem| placed(index, problem))?);
        }
        // Fetched files take as much memory together as a body may, at most.
        let urls = jobs.iter().flat_map(|job| &job.images).filter(|image| matches!(image.source, ImageSource::Url(_)));
        let bounds = if is_batch { self.memory.batch() } else { self.memory.single() };
        let most = urls.count().saturating_mul(self.fetcher.max_bytes()).min(bounds.max_bytes);
        let memory = if most > 0 { Some(self.memory.fetched(most).await?) } else { None };
        let left = AtomicUsize::new(most);
        let images = join_all(jobs.iter().map(|job| {
            try_join_all(job.images.iter().map(async |image| Ok((image.view, self.image(&image.source, &left).await?))))
        }));
        let mut prepared = Vec::with_capacity(jobs.len());
        for (index, ((job, (plan, needs)), images)) in jobs.iter().zip(plans).zip(images.await).enumerate() {
            let images = images.map_err(|problem| placed(index, problem))?;
            let mut parameters = job.parameters.clone();
            // A request without a seed asks for a new variation each time.
            let is_repeatable = request.parsed.cache && parameters.seed.is_some();
            let seed = parameters.seed.map_or_else(seed::draw, Ok)?;
            parameters.seed = Some(seed);
            let is_known = false;
            prepared.push(Prepared { images, parameters, seed, plan, needs, is_repeatable, is_known });
        }
        Ok(PreparedJobs { jobs: prepared, memory })
    }

    /// An image, fetched if need be, and checked. `left` is what may still be fetched.
    async fn image(&self, source: &ImageSource, left: &AtomicUsize) -> Result<CheckedPicture, Problem> {
        let bytes = match source {
            ImageSource::File(bytes) => bytes.clone(),
            ImageSource::Url(url) => {
                let bytes = self.fetcher.fetch(url).await?;
                let take = |left: usize| left.checked_sub(bytes.len());
                if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
                    let detail = "The images behind the URLs are larger together than a body may be.";
                    return Err(Problem::new(&codes::BODY_TOO_LARGE, detail).with_parameter("image_url"));
                }
                bytes
            }
        };
        self.images.check(bytes).await
    }
}

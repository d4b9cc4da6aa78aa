//! The workers that are alive, as far as a submission must know of them.

use domain::{Parameters, WorkerInfo};
use http_api::{Problem, codes};
use queue::Queue;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Workers come and go; a second is soon enough to notice.
const KNOWN_FOR: Duration = Duration::from_secs(1);

/// What was last known of the workers.
#[derive(Debug, Default)]
pub(super) struct Workers(Mutex<Option<(Instant, Crew)>>);

/// The workers at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Crew {
    /// Digests of the models that they run, sorted, each once.
    pub(super) models: Vec<String>,
    /// The finest grid that any of them can make; `None` when there are none.
    finest: Option<u32>,
}

impl Workers {
    /// The workers that are alive, or were a second ago.
    pub(super) async fn crew(&self, queue: &Queue) -> Result<Crew, Problem> {
        let mut known = self.0.lock().await;
        if let Some((at, crew)) = known.as_ref()
            && at.elapsed() < KNOWN_FOR
        {
            return Ok(crew.clone());
        }
        let crew = Crew::of(&queue.workers().await?);
        *known = Some((Instant::now(), crew.clone()));
        Ok(crew)
    }
}

impl Crew {
    /// Whoever plays the jobs of test keys.
    pub(super) fn played() -> Self {
        Self { models: vec!["played".to_owned()], finest: None }
    }

    fn of(workers: &[WorkerInfo]) -> Self {
        let all = || workers.iter().flat_map(|worker| &worker.models);
        let mut models: Vec<String> = all().map(|model| model.digest.clone()).collect();
        models.sort_unstable();
        models.dedup();
        Self { models, finest: all().map(|model| model.max_octree_resolution).max() }
    }

    /// Refuses what none of them could ever make. When there are none at all, one may yet come.
    pub(super) fn check(&self, parameters: &Parameters) -> Result<(), Problem> {
        match (parameters.octree_resolution, self.finest) {
            (Some(asked), Some(finest)) if asked > finest => {
                let detail = format!("`octree_resolution` is {asked}, and no worker here makes more than {finest}.");
                Err(Problem::new(&codes::NO_WORKER_FITS, detail).with_parameter("octree_resolution"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ModelInfo;

    fn worker(digest: &str, max_octree_resolution: u32) -> WorkerInfo {
        let model = ModelInfo { digest: digest.to_owned(), max_octree_resolution, ..ModelInfo::default() };
        WorkerInfo { models: vec![model], ..WorkerInfo::default() }
    }

    #[test]
    fn the_best_worker_decides_and_none_decides_nothing() {
        let ask = |octree_resolution| Parameters { octree_resolution, ..Parameters::default() };
        let crew = Crew::of(&[worker("b", 128), worker("a", 256), worker("b", 256)]);
        assert_eq!(crew.models, ["a", "b"]);
        assert!(crew.check(&ask(None)).is_ok() && crew.check(&ask(Some(256))).is_ok());
        let refused = crew.check(&ask(Some(257))).unwrap_err();
        assert_eq!(refused.kind().code, "no_worker_fits");
        assert!(Crew::of(&[]).check(&ask(Some(512))).is_ok());
    }
}

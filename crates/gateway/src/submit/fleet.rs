//! The workers and models that a submission can count on.

use crate::parse::JobRequest;
use domain::{Capability, ImageToMesh, JobSpec, ModelInfo, Needs, View, WorkerInfo};
use http_api::{Problem, codes};
use queue::Queue;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// How long a look at the workers is used again.
const FRESH: Duration = Duration::from_secs(1);
/// Models that are named in one answer.
const MAX_NAMED: usize = 10;

/// When the workers were looked at, and what they could do then.
type Look = (Instant, Arc<Fleet>);

/// The latest look at the workers. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Workers {
    latest: Arc<Mutex<Option<Look>>>,
    default_model: Option<String>,
}

/// What the live workers can do. While none is alive it is what the last ones could, as far as this gateway has seen any.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Fleet {
    /// The models, by name, each once, with the number of live workers that have it loaded.
    pub(crate) models: Vec<(ModelInfo, usize)>,
    /// Whether the workers are alive.
    pub(super) is_live: bool,
    /// What the workers announced.
    capabilities: Vec<Capability>,
    /// The model of requests that name none; `None`: the default of the worker that takes the job.
    pub(crate) default_model: Option<String>,
}

/// How a request will be run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The name of the model that the job is stored with.
    pub(super) model: Option<String>,
    /// Cells along a side of the grid when the request names none; 0 when it is not known.
    pub(super) default_grid: u32,
    /// The digests of the models that may run it, sorted. Empty when none is known.
    pub(super) digests: Vec<String>,
}

impl Workers {
    pub(crate) fn new(default_model: Option<String>) -> Self {
        Self { latest: Arc::default(), default_model }
    }

    /// The workers that are alive, or were a second ago.
    pub(crate) async fn fleet(&self, queue: &Queue) -> Result<Arc<Fleet>, Problem> {
        let mut latest = self.latest.lock().await;
        if let Some((at, fleet)) = latest.as_ref()
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(fleet));
        }
        let mut fleet = Fleet::of(&queue.workers().await?, self.default_model.as_deref());
        if !fleet.is_live
            && let Some((_, last)) = latest.as_ref()
        {
            fleet =
                Fleet { models: last.models.iter().map(|(model, _)| (model.clone(), 0)).collect(), ..(**last).clone() };
        }
        let fleet = Arc::new(fleet);
        *latest = Some((Instant::now(), Arc::clone(&fleet)));
        Ok(fleet)
    }
}

impl Fleet {
    /// What runs the simulated jobs of test keys: any model, any number of views, any grid.
    pub(super) fn simulated() -> Self {
        let model =
            ModelInfo { digest: "simulated".to_owned(), is_default: true, multi_view: true, ..ModelInfo::default() };
        Self { models: vec![(model, 1)], is_live: true, ..Self::default() }
    }

    fn of(workers: &[WorkerInfo], default_model: Option<&str>) -> Self {
        let mut models: Vec<(ModelInfo, usize)> = Vec::new();
        for model in workers.iter().flat_map(|worker| &worker.models) {
            let is_default = default_model.map_or(model.is_default, |name| name == model.name);
            match models.iter_mut().find(|(known, _)| known.name == model.name && known.digest == model.digest) {
                Some((known, workers)) => {
                    known.is_default |= is_default;
                    known.max_octree_resolution = known.max_octree_resolution.max(model.max_octree_resolution);
                    *workers += 1;
                }
                None => models.push((ModelInfo { is_default, ..model.clone() }, 1)),
            }
        }
        models.sort_by(|(a, _), (b, _)| (&a.name, &a.digest).cmp(&(&b.name, &b.digest)));
        let capabilities = workers.iter().flat_map(|worker| worker.capabilities.iter().cloned()).collect();
        Self { models, is_live: !workers.is_empty(), capabilities, default_model: default_model.map(str::to_owned) }
    }

    /// Decides how a request will be run, and refuses what no worker that is known could ever do. When none is known,
    /// one may yet start.
    pub(super) fn plan(&self, request: &JobRequest) -> Result<Plan, Problem> {
        let model = request.model.clone().or_else(|| self.default_model.clone());
        let is_meant = |name: &str, is_default: bool| model.as_ref().map_or(is_default, |model| model == name);
        let meant = |capability: &&Capability| is_meant(&capability.model, capability.is_default_model);
        if !self.capabilities.is_empty() {
            let Some(first) = self.capabilities.iter().find(meant) else {
                return Err(self.no_such_model(model.is_some()));
            };
            if is_multi_view(request) && !self.capabilities.iter().filter(meant).any(|capability| capability.multi_view)
            {
                return Err(self.one_view_only(&first.model));
            }
        }
        let infos = || self.models.iter().map(|(info, _)| info).filter(|info| is_meant(&info.name, info.is_default));
        let mut digests: Vec<String> = infos().map(|info| info.digest.clone()).collect();
        digests.sort_unstable();
        digests.dedup();
        let default_grid = infos().map(|info| info.octree_resolution).min().unwrap_or_default();
        Ok(Plan { model, default_grid, digests })
    }

    /// The names of models with a capability, for an error.
    fn names(&self, is_named: impl Fn(&Capability) -> bool) -> String {
        let names: BTreeSet<&str> =
            self.capabilities.iter().filter(|one| is_named(one)).map(|one| one.model.as_str()).collect();
        names.into_iter().take(MAX_NAMED).collect::<Vec<_>>().join(", ")
    }

    /// Refuses needs that no known worker covers.
    pub(super) fn check(&self, needs: &Needs) -> Result<(), Problem> {
        if self.capabilities.is_empty() || self.capabilities.iter().any(|capability| capability.covers(needs)) {
            return Ok(());
        }
        let without_grid = Needs { grid: 0, ..needs.clone() };
        let finest = self.capabilities.iter().filter(|capability| capability.covers(&without_grid));
        match finest.map(Capability::grid_class).max() {
            Some(finest) => {
                let asked = needs.grid;
                let detail = format!("`octree_resolution` is {asked}, and no worker here makes more than {finest}.");
                Err(Problem::new(&codes::NO_WORKER_FITS, detail).with_parameter("octree_resolution"))
            }
            None => {
                let detail = "No worker here can run such a job; the workers may be of an older version.";
                Err(Problem::new(&codes::NO_WORKER_FITS, detail))
            }
        }
    }

    fn no_such_model(&self, is_named: bool) -> Problem {
        let names = self.names(|_| true);
        let detail = match is_named {
            true => format!("There is no model of that name here; there are: {names}."),
            false => format!("No default model is loaded; name one of: {names}."),
        };
        Problem::new(&codes::UNKNOWN_MODEL, detail).with_parameter("model")
    }

    fn one_view_only(&self, name: &str) -> Problem {
        let others = match self.names(|capability| capability.multi_view) {
            none if none.is_empty() => "no model here takes several views".to_owned(),
            others => format!("several views are taken by: {others}"),
        };
        let detail = format!("The model {name} takes one image, of the front; {others}.");
        Problem::new(&codes::MODEL_UNSUITABLE, detail).with_parameter("images")
    }
}

impl Plan {
    /// What a worker must be able to do to run a request that is planned so.
    pub(super) fn needs(&self, request: &JobRequest) -> Needs {
        let (model, parameters) = (self.model.clone(), request.parameters.clone());
        let spec = JobSpec::from(ImageToMesh { images: Vec::new(), model, parameters });
        Needs { multi_view: is_multi_view(request), ..spec.needs(self.default_grid) }
    }
}

fn is_multi_view(request: &JobRequest) -> bool {
    request.images.len() > 1 || request.images.iter().any(|image| image.view != View::Front)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::{ImageSource, ViewSource};
    use domain::{LEVEL, Parameters};

    fn worker(name: &str, digest: &str, max_grid: u32, is_default: bool, multi_view: bool) -> WorkerInfo {
        let model = ModelInfo {
            name: name.to_owned(),
            digest: digest.to_owned(),
            is_default,
            multi_view,
            octree_resolution: 64,
            max_octree_resolution: max_grid,
            ..ModelInfo::default()
        };
        let capability = Capability {
            kind: "image_to_mesh".to_owned(),
            level: LEVEL,
            model: name.to_owned(),
            is_default_model: is_default,
            multi_view,
            max_grid,
        };
        WorkerInfo { models: vec![model], capabilities: vec![capability], ..WorkerInfo::default() }
    }

    fn request(model: Option<&str>, views: &[View]) -> JobRequest {
        let image = |&view: &View| ViewSource { view, source: ImageSource::Url(String::new()) };
        let images = views.iter().map(image).collect();
        JobRequest { images, model: model.map(str::to_owned), parameters: Parameters::default() }
    }

    fn code<T: std::fmt::Debug>(result: Result<T, Problem>) -> &'static str {
        result.map_or_else(|problem| problem.kind().code, |_| "accepted")
    }

    #[test]
    fn a_model_is_resolved_by_its_name_or_as_the_default() {
        let workers =
            [worker("a", "1", 128, true, false), worker("b", "2", 64, false, true), worker("a", "3", 256, true, false)];
        let fleet = Fleet::of(&workers, None);
        let front = &[View::Front];
        assert_eq!(fleet.plan(&request(None, front)).unwrap().digests, ["1", "3"]);
        let plan = fleet.plan(&request(Some("b"), &View::ALL)).unwrap();
        assert_eq!((plan.model.as_deref(), plan.default_grid, plan.digests), (Some("b"), 64, vec!["2".to_owned()]));
        assert_eq!(code(fleet.plan(&request(Some("c"), front))), "unknown_model");
        assert_eq!(code(fleet.plan(&request(None, &View::ALL))), "model_unsuitable");
        assert_eq!(code(fleet.plan(&request(Some("a"), &[View::Back]))), "model_unsuitable");
        let configured = Fleet::of(&workers, Some("b"));
        assert_eq!(configured.plan(&request(None, &View::ALL)).unwrap().model.as_deref(), Some("b"));
        assert_eq!(code(Fleet::of(&workers, Some("gone")).plan(&request(None, front))), "unknown_model");
        assert_eq!(
            code(Fleet::default().plan(&request(Some("any"), &View::ALL))),
            "accepted",
            "a worker may yet start"
        );
        assert_eq!(code(Fleet::simulated().plan(&request(Some("any"), &View::ALL))), "accepted");
    }

    #[test]
    fn the_finest_grid_of_the_model_decides() {
        let fleet = Fleet::of(&[worker("a", "1", 128, true, false), worker("b", "2", 256, false, false)], None);
        let needs = |model: Option<&str>, grid| Needs {
            kind: "image_to_mesh".to_owned(),
            level: 1,
            model: model.map(str::to_owned),
            multi_view: false,
            grid,
        };
        assert_eq!(code(fleet.check(&needs(None, 128))), "accepted");
        let refused = fleet.check(&needs(None, 129)).unwrap_err();
        assert!(refused.kind().code == "no_worker_fits" && refused.detail().contains("more than 128"), "{refused}");
        assert_eq!(code(fleet.check(&needs(Some("b"), 256))), "accepted");
        assert_eq!(code(fleet.check(&Needs { level: LEVEL + 1, ..needs(None, 16) })), "no_worker_fits");
        assert_eq!(code(Fleet::default().check(&needs(None, 512))), "accepted");
    }
}

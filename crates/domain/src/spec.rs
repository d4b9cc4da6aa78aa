//! What a job asks for, what it needs of a worker, and what a worker can do.

use crate::{BlobId, InvalidName, Parameters, View, check_name};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// The version of the vocabulary of jobs that this build understands. Each row of the tables of parameters and formats
/// says since which level it exists; a job needs the largest level it makes use of, so what a newer gateway offers never
/// reaches an older worker. Raise it together with the first row that carries the new number.
pub const LEVEL: u32 = 1;

/// Grids are compared in classes of this many cells along a side.
const GRID_CLASS: u32 = 32;

/// One step of a job, as it is stored. Kinds that this build does not know are read as `Unsupported`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    /// A mesh is made from one or several images of an object.
    ImageToMesh(ImageToMesh),
    /// A kind of a newer version.
    #[serde(other)]
    Unsupported,
}

/// A mesh is made from one or several images of an object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageToMesh {
    /// The images, each view at most once; a single image is the front. Views of a newer version are left out.
    #[serde(deserialize_with = "known_views")]
    pub images: Vec<ViewImage>,
    /// The name of the model; `None` for the default model of the worker that takes it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<String>,
    /// The parameters of the request; the seed is always set.
    #[serde(default)]
    pub parameters: Parameters,
}

impl ImageToMesh {
    /// A mesh from a single image of the front, by the default model.
    pub fn of_front(image: BlobId, parameters: Parameters) -> Self {
        Self { images: vec![ViewImage { view: View::Front, image }], model: None, parameters }
    }
}

/// An image in the blob store and the view that it shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewImage {
    /// The side of the object that it shows.
    #[serde(default)]
    pub view: View,
    /// The image file.
    pub image: BlobId,
}

fn known_views<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ViewImage>, D::Error> {
    let is_known = |image: &serde_json::Value| image["view"].as_str().is_none_or(|view| view.parse::<View>().is_ok());
    let images = Vec::<serde_json::Value>::deserialize(deserializer)?.into_iter().filter(is_known);
    images.map(|image| serde_json::from_value(image).map_err(D::Error::custom)).collect()
}

impl JobSpec {
    /// The name of the kind, as in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ImageToMesh(_) => "image_to_mesh",
            Self::Unsupported => "unsupported",
        }
    }

    /// What a worker must be able to do to run this step. `default_grid` is the grid that is used when the request names
    /// none: the default of the job's model.
    pub fn needs(&self, default_grid: u32) -> Needs {
        match self {
            Self::ImageToMesh(spec) => Needs {
                kind: self.kind().to_owned(),
                level: spec.parameters.level().max(spec.parameters.format.map_or(1, |format| format.info().since)),
                model: spec.model.clone(),
                multi_view: spec.images.len() > 1 || spec.images.iter().any(|image| image.view != View::Front),
                grid: spec.parameters.octree_resolution.unwrap_or(default_grid),
            },
            Self::Unsupported => {
                Needs { kind: self.kind().to_owned(), level: u32::MAX, model: None, multi_view: false, grid: 0 }
            }
        }
    }

    /// The image-to-mesh step, if it is one.
    pub fn image_to_mesh(&self) -> Option<&ImageToMesh> {
        match self {
            Self::ImageToMesh(spec) => Some(spec),
            Self::Unsupported => None,
        }
    }
}

impl From<ImageToMesh> for JobSpec {
    fn from(spec: ImageToMesh) -> Self {
        Self::ImageToMesh(spec)
    }
}

/// What a worker must be able to do to run a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Needs {
    /// The kind of the job.
    pub kind: String,
    /// The vocabulary level that it makes use of.
    pub level: u32,
    /// The name of its model; `None` for any worker's default model.
    pub model: Option<String>,
    /// Whether it has several views, or one other than the front.
    pub multi_view: bool,
    /// Cells along a side of its grid; 0 when it has none.
    pub grid: u32,
}

/// What a worker can do: one entry for each kind of job and model.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Capability {
    /// The kind of job.
    pub kind: String,
    /// The vocabulary level that it understands.
    #[serde(default = "one")]
    pub level: u32,
    /// The name of the model.
    pub model: String,
    /// Whether jobs that name no model are run with this one.
    #[serde(default)]
    pub is_default_model: bool,
    /// Whether the model takes several views.
    #[serde(default)]
    pub multi_view: bool,
    /// Cells along a side of the finest grid.
    pub max_grid: u32,
}

fn one() -> u32 {
    1
}

impl Needs {
    /// Checks the names of kind and model.
    ///
    /// # Errors
    /// [`InvalidName`].
    pub fn check_names(&self) -> Result<(), InvalidName> {
        check_name(&self.kind)?;
        self.model.as_deref().map_or(Ok(()), check_name)
    }

    /// The class of the grid: cells along a side, rounded up to a multiple of 32.
    pub fn grid_class(&self) -> u32 {
        self.grid.div_ceil(GRID_CLASS) * GRID_CLASS
    }

    /// The lane of the queue in which such jobs wait: `kind/level/model/views/grid`. Equal needs share a lane. The model
    /// is empty for jobs that name none; views is 1 or n.
    pub fn lane(&self) -> String {
        let model = self.model.as_deref().unwrap_or_default();
        let views = if self.multi_view { 'n' } else { '1' };
        format!("{}/{}/{model}/{views}/{}", self.kind, self.level, self.grid_class())
    }
}

impl Capability {
    /// Checks the names of kind and model.
    ///
    /// # Errors
    /// [`InvalidName`].
    pub fn check_names(&self) -> Result<(), InvalidName> {
        check_name(&self.kind)?;
        check_name(&self.model)
    }

    /// The class of the finest grid: cells along a side, rounded down to a multiple of 32.
    pub fn grid_class(&self) -> u32 {
        self.max_grid / GRID_CLASS * GRID_CLASS
    }

    /// Whether a worker with this capability can run a job with these needs.
    pub fn covers(&self, needs: &Needs) -> bool {
        self.kind == needs.kind
            && self.level >= needs.level
            && needs.model.as_ref().map_or(self.is_default_model, |model| *model == self.model)
            && (self.multi_view || !needs.multi_view)
            && self.grid_class() >= needs.grid_class()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn capability() -> Capability {
        Capability {
            kind: "image_to_mesh".to_owned(),
            level: LEVEL,
            model: "a".to_owned(),
            is_default_model: true,
            multi_view: false,
            max_grid: 300,
        }
    }

    fn needs(model: Option<&str>, grid: u32) -> Needs {
        Needs { kind: "image_to_mesh".to_owned(), level: 1, model: model.map(Into::into), multi_view: false, grid }
    }

    #[test]
    fn a_capability_covers_what_it_lists_and_nothing_else() {
        let can = capability();
        assert!(can.covers(&needs(None, 288)) && can.covers(&needs(Some("a"), 16)));
        assert!(!can.covers(&needs(Some("b"), 16)), "another model");
        assert!(!can.covers(&needs(None, 289)), "a finer grid");
        assert!(!can.covers(&Needs { multi_view: true, ..needs(None, 16) }));
        assert!(!can.covers(&Needs { level: LEVEL + 1, ..needs(None, 16) }));
        assert!(!can.covers(&Needs { kind: "texture".to_owned(), ..needs(None, 16) }));
        let second = Capability { is_default_model: false, ..capability() };
        assert!(!second.covers(&needs(None, 16)) && second.covers(&needs(Some("a"), 16)));
    }

    #[test]
    fn jobs_that_differ_in_what_they_need_wait_in_different_lanes() {
        assert_eq!(needs(Some("a"), 250).lane(), "image_to_mesh/1/a/1/256");
        assert_eq!(needs(None, 256).lane(), "image_to_mesh/1//1/256");
        assert_ne!(needs(None, 257).lane(), needs(None, 256).lane());
    }

    #[test]
    fn a_spec_says_what_it_needs() {
        let image = |view| ViewImage { view, image: "a".repeat(64).parse().unwrap() };
        let mut spec = ImageToMesh { images: vec![image(View::Front)], model: None, parameters: Parameters::default() };
        assert_eq!(JobSpec::from(spec.clone()).needs(128), needs(None, 128));
        spec.images.push(image(View::Back));
        spec.parameters.octree_resolution = Some(64);
        assert_eq!(JobSpec::from(spec).needs(128), Needs { multi_view: true, ..needs(None, 64) });
    }

    #[test]
    fn a_kind_of_a_newer_version_is_read_and_covered_by_nothing() {
        let spec: JobSpec = serde_json::from_value(json!({ "kind": "texture", "mesh": "..", "size": 1024 })).unwrap();
        assert_eq!(spec, JobSpec::Unsupported);
        assert!(!capability().covers(&spec.needs(64)));
    }
}

//! What a worker announces about itself and its models.

use crate::Capability;
use serde::{Deserialize, Serialize};

/// What a worker announces about itself while it is alive.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerInfo {
    /// Its unique name.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// Jobs that it runs at once.
    pub slots: u32,
    /// The models that it has loaded.
    pub models: Vec<ModelInfo>,
    /// What it can do.
    pub capabilities: Vec<Capability>,
}

/// What a model is and how it is best run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct ModelInfo {
    /// The name in requests.
    pub name: String,
    /// The model family: the implementation that runs it.
    pub family: String,
    /// SHA-256 of configuration and weights, hexadecimal: equal digests make equal shapes.
    pub digest: String,
    /// The licence of the weights, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Whether it takes several views of an object.
    pub multi_view: bool,
    /// Whether jobs that name no model are run with it.
    #[serde(rename = "default")]
    pub is_default: bool,
    /// Denoising steps when a request names none.
    pub steps: u32,
    /// Guidance scale when a request names none.
    pub guidance_scale: f64,
    /// Cells along a side of the grid when a request names none.
    pub octree_resolution: u32,
    /// Cells along a side of the finest grid that is offered.
    pub max_octree_resolution: u32,
    /// The stages of a job, in order.
    pub stages: Vec<StageInfo>,
}

/// A stage of a job and its share of the work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StageInfo {
    /// The name, such as `encode` or `denoise`.
    pub name: String,
    /// Its share of the work of a job, relative to the other stages.
    pub weight: f64,
}

impl StageInfo {
    /// A stage and its weight.
    pub fn new(name: &str, weight: f64) -> Self {
        Self { name: name.to_owned(), weight }
    }

    /// Share of a job that is done, 0 to 1, when `share` (0 to 1) of `stage` is. An unknown stage counts as not begun.
    pub fn fraction(stages: &[StageInfo], stage: &str, share: f64) -> f64 {
        let total: f64 = stages.iter().map(|stage| stage.weight).sum();
        let Some(at) = stages.iter().position(|known| known.name == stage) else { return 0.0 };
        let before: f64 = stages[..at].iter().map(|stage| stage.weight).sum();
        ((before + stages[at].weight * share.clamp(0.0, 1.0)) / total).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_fraction_never_falls_and_ends_at_one() {
        let stages = [StageInfo::new("encode", 1.0), StageInfo::new("denoise", 6.0), StageInfo::new("export", 1.0)];
        let way =
            [("encode", 0.0), ("encode", 1.0), ("denoise", 0.0), ("denoise", 0.5), ("export", 0.0), ("export", 1.0)];
        let fractions = way.map(|(stage, share)| StageInfo::fraction(&stages, stage, share));
        assert!(fractions.is_sorted(), "{fractions:?}");
        assert_eq!((fractions[0], fractions[3], fractions[5]), (0.0, 0.5, 1.0));
        assert_eq!(StageInfo::fraction(&stages, "no such stage", 1.0), 0.0);
    }

    #[test]
    fn an_announcement_of_another_version_can_be_read() {
        let info = json!({ "name": "w", "slots": 2, "gpu": "H200", "models": [{ "name": "m", "views": 4 }] });
        let info: WorkerInfo = serde_json::from_value(info).unwrap();
        assert_eq!((info.slots, info.models[0].name.as_str(), info.capabilities.len()), (2, "m", 0));
    }
}

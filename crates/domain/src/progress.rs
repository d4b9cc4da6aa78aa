//! Where a running job stands.

use crate::{Failure, JobState, ResultRecord};
use serde::{Deserialize, Serialize};

/// The stages of a running job, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The picture is cropped, scaled and composited.
    Preprocess,
    /// The image encoder makes context tokens.
    Encode,
    /// The flow-matching model removes noise, step by step.
    Denoise,
    /// The ShapeVAE and the volume decoder make a grid of logits.
    Decode,
    /// The surface is read from the grid and cleaned.
    Surface,
    /// The mesh is written and stored.
    Export,
}

/// Where a running job stands: the stage, and within `denoise` the step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Progress {
    /// The stage under way.
    pub stage: Stage,
    /// Steps done so far, in stage `denoise`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<u32>,
    /// Steps in all, in stage `denoise`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub steps: Option<u32>,
}

impl Progress {
    /// The beginning of a stage that has no steps.
    pub fn stage(stage: Stage) -> Self {
        Self { stage, step: None, steps: None }
    }

    /// `step` of `steps` denoising steps are done.
    pub fn denoise(step: u32, steps: u32) -> Self {
        Self { stage: Stage::Denoise, step: Some(step), steps: Some(steps) }
    }

    /// Share of the whole job that is done, 0 to 1. It never falls as a job goes forward.
    pub fn fraction(&self) -> f64 {
        match self.stage {
            Stage::Preprocess => 0.0,
            Stage::Encode => 0.02,
            Stage::Denoise => {
                let (step, steps) = (self.step.unwrap_or(0), self.steps.unwrap_or(1).max(1));
                0.05 + 0.55 * f64::from(step.min(steps)) / f64::from(steps)
            }
            Stage::Decode => 0.61,
            Stage::Surface => 0.9,
            Stage::Export => 0.97,
        }
    }
}

/// What happened to a job, as watchers are told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobEvent {
    /// The state after the event.
    pub state: JobState,
    /// The attempt it belongs to, from 1; 0 before the first.
    pub attempt: u32,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// Where a running job stands.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<Progress>,
    /// What came of a job that succeeded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<ResultRecord>,
    /// Why it failed, or why this attempt did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_never_falls() {
        let mut way = vec![Progress::stage(Stage::Preprocess), Progress::stage(Stage::Encode)];
        way.extend((0..=20).map(|k| Progress::denoise(k, 20)));
        way.extend([Stage::Decode, Stage::Surface, Stage::Export].map(Progress::stage));
        let fractions: Vec<f64> = way.iter().map(Progress::fraction).collect();
        assert!(fractions.is_sorted() && fractions.iter().all(|f| (0.0..1.0).contains(f)), "{fractions:?}");
    }
}

//! How far a running job has come.

use crate::{Failure, JobState, ResultRecord};
use serde::{Deserialize, Serialize};

/// How far a running job has come. Stages are data: their names and weights come from the worker and its model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Progress {
    /// The name of the stage under way, such as `encode`, `denoise` or `export`.
    pub stage: String,
    /// Steps done so far, in a stage that has steps.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<u32>,
    /// Steps in all, in a stage that has steps.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub steps: Option<u32>,
    /// Share of the whole job that is done, 0 to 1. It never falls within an attempt.
    #[serde(default)]
    pub fraction: f64,
}

impl Progress {
    /// A stage that has no steps, at the start of the job.
    pub fn stage(stage: impl Into<String>) -> Self {
        Self { stage: stage.into(), step: None, steps: None, fraction: 0.0 }
    }

    /// `step` of `steps` steps of a stage are done.
    pub fn steps(stage: impl Into<String>, step: u32, steps: u32) -> Self {
        Self { step: Some(step), steps: Some(steps), ..Self::stage(stage) }
    }

    /// The same with the share of the whole job that is done, 0 to 1.
    pub fn with_fraction(self, fraction: f64) -> Self {
        Self { fraction, ..self }
    }
}

/// Something that happened to a job, as watchers see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct JobEvent {
    /// The state after the event.
    pub state: JobState,
    /// The attempt it belongs to, from 1; 0 before the first.
    pub attempt: u32,
    /// Milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// How far a running job has come.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub progress: Option<Progress>,
    /// The result of a job that succeeded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<ResultRecord>,
    /// Why the job or this attempt failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<Failure>,
}

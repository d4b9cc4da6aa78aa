use serde::{Deserialize, Serialize};

use super::section::Section;
use crate::Error;

/// The noise schedule (section 10).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum SchedulerConfig {
    /// `FlowMatchEulerDiscreteScheduler` (section 10.1).
    FlowMatchEuler {
        /// Scale of the timesteps, T.
        num_train_timesteps: i64,
        /// Warp of the schedule; 1 leaves it even.
        shift: f64,
        /// Not implemented, always false.
        use_dynamic_shifting: bool,
    },
    /// `ConsistencyFlowMatchEulerDiscreteScheduler`, for distilled models (section 10.2).
    ConsistencyFlowMatchEuler {
        /// Scale of the timesteps, T.
        num_train_timesteps: i64,
        /// Entries of the schedule that steps are drawn from, P.
        pcm_timesteps: i64,
    },
}

#[derive(Deserialize)]
struct FlowMatchParams {
    #[serde(default = "default_num_train_timesteps")]
    num_train_timesteps: i64,
    #[serde(default = "default_shift")]
    shift: f64,
    #[serde(default)]
    use_dynamic_shifting: bool,
}

#[derive(Deserialize)]
struct ConsistencyParams {
    #[serde(default = "default_num_train_timesteps")]
    num_train_timesteps: i64,
    #[serde(default = "default_pcm_timesteps")]
    pcm_timesteps: i64,
}

fn default_num_train_timesteps() -> i64 {
    1000
}

fn default_shift() -> f64 {
    1.0
}

fn default_pcm_timesteps() -> i64 {
    50
}

impl SchedulerConfig {
    /// Scale of the timesteps, T.
    pub fn num_train_timesteps(&self) -> i64 {
        match self {
            Self::FlowMatchEuler { num_train_timesteps, .. }
            | Self::ConsistencyFlowMatchEuler { num_train_timesteps, .. } => *num_train_timesteps,
        }
    }

    pub(super) fn from_section(section: Section) -> Result<Self, Error> {
        let config = match section.class()? {
            "FlowMatchEulerDiscreteScheduler" => {
                let FlowMatchParams { num_train_timesteps, shift, use_dynamic_shifting } = section.params()?;
                if use_dynamic_shifting {
                    return Err(section.unsupported("use_dynamic_shifting"));
                }
                if !(shift.is_finite() && shift > 0.0) {
                    return Err(section.invalid("shift is not a positive number"));
                }
                Self::FlowMatchEuler { num_train_timesteps, shift, use_dynamic_shifting }
            }
            "ConsistencyFlowMatchEulerDiscreteScheduler" => {
                let ConsistencyParams { num_train_timesteps, pcm_timesteps } = section.params()?;
                if !(1..=num_train_timesteps).contains(&pcm_timesteps) {
                    return Err(section.invalid(format!("pcm_timesteps is {pcm_timesteps}")));
                }
                Self::ConsistencyFlowMatchEuler { num_train_timesteps, pcm_timesteps }
            }
            _ => return Err(section.unknown_class()),
        };
        section.check_sizes(&[("num_train_timesteps", config.num_train_timesteps())])?;
        Ok(config)
    }
}

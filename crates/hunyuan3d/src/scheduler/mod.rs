//! Noise schedules (section 10): the noise levels at which the network is evaluated, and the step between two of them.
//!
//! Sigma runs from 0, pure noise, to 1, data; the network returns the velocity d(sample)/d(sigma).

mod consistency;
mod flow_match;

use std::fmt;

use checkpoint::config::SchedulerConfig;
use tch::{Kind, Tensor};

pub use consistency::ConsistencyFlowMatchEuler;
pub use flow_match::FlowMatchEuler;

/// A noise schedule for any number of steps.
pub trait Scheduler: fmt::Debug + Send + Sync {
    /// The noise levels of `steps` steps; `steps` at least 1.
    fn schedule(&self, steps: u32) -> Schedule;
}

/// The scheduler that `config` describes.
pub fn scheduler(config: &SchedulerConfig) -> Box<dyn Scheduler> {
    match *config {
        SchedulerConfig::FlowMatchEuler { num_train_timesteps, shift, .. } => {
            Box::new(FlowMatchEuler::new(num_train_timesteps, shift))
        }
        SchedulerConfig::ConsistencyFlowMatchEuler { num_train_timesteps, pcm_timesteps } => {
            Box::new(ConsistencyFlowMatchEuler::new(num_train_timesteps, pcm_timesteps))
        }
    }
}

/// The noise levels of one sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    /// Noise levels, one more than steps; the last is 1.
    pub sigmas: Vec<f32>,
    /// `sigma * num_train_timesteps` of each step.
    pub timesteps: Vec<f32>,
    /// `num_train_timesteps`, T: what timesteps are divided by for the network.
    pub scale: f32,
}

impl Schedule {
    /// From the sigmas of all steps; 1 is appended.
    fn new(mut sigmas: Vec<f32>, num_train_timesteps: i64) -> Schedule {
        let scale = num_train_timesteps as f32;
        let timesteps = sigmas.iter().map(|sigma| sigma * scale).collect();
        sigmas.push(1.0);
        Schedule { sigmas, timesteps, scale }
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.timesteps.len()
    }

    /// Length of step `i`: the next sigma less this one. Zero for the last step of [`FlowMatchEuler`], whose result
    /// therefore does not depend on the network.
    pub fn delta(&self, i: usize) -> f32 {
        self.sigmas[i + 1] - self.sigmas[i]
    }
}

/// The time input of the network: `timesteps` / `scale`, each in `kind`, as the released
/// half-precision run does it (sections 10.3 and 16). -> `[B]`, on the CPU.
pub fn network_time(timesteps: &[f32], scale: f32, kind: Kind) -> Tensor {
    Tensor::from_slice(timesteps).to_kind(kind) / f64::from(scale)
}

/// One Euler step for each row: `x + delta * v` (section 10.3).
///
/// `x` and `v` [B, L, C] of the same type, `delta` [B, 1, 1] in float32. The product is rounded to the type of `v`, the
/// sum is taken in float32.
pub fn euler_step(x: &Tensor, v: &Tensor, delta: &Tensor) -> Tensor {
    let product = (v * delta).to_kind(v.kind());
    match v.kind() {
        Kind::Float => product + x,
        kind => (x.to_kind(Kind::Float) + product).to_kind(kind),
    }
}

/// `count` numbers evenly from `start` to `end`, both included; one number is `start`.
fn linspace(start: f64, end: f64, count: usize) -> impl Iterator<Item = f64> {
    let last = count.saturating_sub(1);
    let step = if last == 0 { 0.0 } else { (end - start) / last as f64 };
    (0..count).map(move |i| if i == last && i > 0 { end } else { start + i as f64 * step })
}

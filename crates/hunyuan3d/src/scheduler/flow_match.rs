use super::{Schedule, Scheduler, linspace};

/// `FlowMatchEulerDiscreteScheduler` (section 10.1): evenly spaced sigmas, warped by `shift`.
#[derive(Clone, Copy, Debug)]
pub struct FlowMatchEuler {
    num_train_timesteps: i64,
    shift: f64,
}

impl FlowMatchEuler {
    /// `shift` 1 leaves the sigmas even; greater ones move them towards 1.
    pub fn new(num_train_timesteps: i64, shift: f64) -> FlowMatchEuler {
        FlowMatchEuler { num_train_timesteps, shift }
    }

    /// A schedule over `count` sigmas from `start` to 1. Models are run from 0; the default start of
    /// the published scheduler is `1 / num_train_timesteps`.
    pub fn schedule_from(&self, start: f64, count: u32) -> Schedule {
        let warp = |s: f64| (self.shift * s / (1.0 + (self.shift - 1.0) * s)) as f32;
        Schedule::new(linspace(start, 1.0, count as usize).map(warp).collect(), self.num_train_timesteps)
    }
}

impl Scheduler for FlowMatchEuler {
    fn schedule(&self, steps: u32) -> Schedule {
        self.schedule_from(0.0, steps)
    }
}

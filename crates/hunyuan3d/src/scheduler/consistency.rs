use super::{Schedule, Scheduler, linspace};

/// `ConsistencyFlowMatchEulerDiscreteScheduler` (section 10.2), for models distilled to few steps: sigmas are drawn
/// from a table of `pcm_timesteps`.
#[derive(Clone, Debug)]
pub struct ConsistencyFlowMatchEuler {
    num_train_timesteps: i64,
    table: Vec<f32>,
}

impl ConsistencyFlowMatchEuler {
    /// The table has `pcm_timesteps` entries, 1 to `num_train_timesteps`.
    pub fn new(num_train_timesteps: i64, pcm_timesteps: i64) -> ConsistencyFlowMatchEuler {
        let base: Vec<f64> = linspace(0.0, 1.0, num_train_timesteps as usize).collect();
        let stride = (num_train_timesteps / pcm_timesteps) as usize;
        let table = (0..pcm_timesteps as usize).map(|k| base[(k * stride).saturating_sub(1)] as f32).collect();
        ConsistencyFlowMatchEuler { num_train_timesteps, table }
    }
}

impl Scheduler for ConsistencyFlowMatchEuler {
    fn schedule(&self, steps: u32) -> Schedule {
        let entries = self.table.len();
        let sigmas = (0..steps as usize).map(|k| self.table[k * entries / steps as usize]).collect();
        Schedule::new(sigmas, self.num_train_timesteps)
    }
}

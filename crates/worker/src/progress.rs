//! How often progress is written.

use domain::Progress;
use std::time::{Duration, Instant};

/// Steps closer together than this are not all written: people cannot see them, and Redis need not store them.
pub const APART: Duration = Duration::from_millis(50);

/// Decides which progress is worth writing: every change of stage, the last step, and else one in [`APART`].
#[derive(Debug, Default)]
pub struct Throttle {
    last: Option<(String, Instant)>,
}

impl Throttle {
    /// Whether `progress`, made at `now`, is to be written.
    pub fn passes(&mut self, progress: &Progress, now: Instant) -> bool {
        let is_last_step = progress.step.is_some() && progress.step == progress.steps;
        let passes = match &self.last {
            Some((stage, at)) if *stage == progress.stage => is_last_step || now.duration_since(*at) >= APART,
            _ => true,
        };
        if passes {
            self.last = Some((progress.stage.clone(), now));
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_the_last_step_always_pass_and_steps_only_so_often() {
        let start = Instant::now();
        let mut throttle = Throttle::default();
        let mut written = Vec::new();
        let mut see = |progress: Progress, ms: u64| {
            if throttle.passes(&progress, start + Duration::from_millis(ms)) {
                written.push((progress.stage, progress.step));
            }
        };
        see(Progress::stage("preprocess"), 0);
        see(Progress::stage("encode"), 1);
        (0..=10).for_each(|step| see(Progress::steps("denoise", step, 10), 2 + 20 * u64::from(step)));
        see(Progress::stage("decode"), 203);
        let steps: Vec<_> = written.iter().filter_map(|(_, step)| *step).collect();
        assert_eq!(steps, [0, 3, 6, 9, 10]);
        assert_eq!(written.len(), steps.len() + 3);
    }
}

//! How many rows a batch may have, learned from the device.

/// The most rows of a batch: between a lower and an upper bound, halved when the device ran out of memory, and raised
/// again by one after a long good run.
#[derive(Debug, Clone)]
pub struct Limit {
    least: usize,
    most: usize,
    now: usize,
    good_full_steps: u32,
}

/// So many full batches must step without trouble before one more row is tried.
const PATIENCE: u32 = 200;

impl Limit {
    /// Starts at `most`; `least` is at least 1 and at most `most`.
    pub fn new(least: usize, most: usize) -> Self {
        let most = most.max(1);
        Self { least: least.clamp(1, most), most, now: most, good_full_steps: 0 }
    }

    /// The most rows that a batch may have now.
    pub fn rows(&self) -> usize {
        self.now
    }

    /// The device ran out of memory with this limit.
    pub fn out_of_memory(&mut self) {
        self.now = (self.now / 2).max(self.least);
        self.good_full_steps = 0;
    }

    /// A batch of `rows` rows took a step.
    pub fn stepped(&mut self, rows: usize) {
        if rows < self.now || self.now == self.most {
            return;
        }
        self.good_full_steps += 1;
        if self.good_full_steps == PATIENCE {
            self.good_full_steps = 0;
            self.now += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_down_to_its_floor_and_grows_back_to_its_ceiling() {
        let mut limit = Limit::new(2, 8);
        let mut seen = vec![limit.rows()];
        for _ in 0..3 {
            limit.out_of_memory();
            seen.push(limit.rows());
        }
        assert_eq!(seen, [8, 4, 2, 2]);
        for _ in 0..10 * PATIENCE {
            limit.stepped(1); // half-empty batches prove nothing
        }
        assert_eq!(limit.rows(), 2);
        for _ in 0..10 * PATIENCE {
            limit.stepped(limit.rows());
        }
        assert_eq!(limit.rows(), 8);
    }

    #[test]
    fn is_never_zero() {
        assert_eq!(Limit::new(0, 0).rows(), 1);
        assert_eq!(Limit::new(9, 3).rows(), 3);
    }
}

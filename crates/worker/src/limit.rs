//! How many rows a batch may have, learned from the device.

/// The most rows of a batch: between a lower and an upper bound, halved when the device ran out of memory, and raised
/// again by one after many full batches. A size that was too large is remembered, and tried again less and less often.
#[derive(Debug, Clone)]
pub struct Limit {
    least: usize,
    most: usize,
    now: usize,
    /// The smallest size with which memory was short.
    too_large: usize,
    /// Full batches that must step before `too_large` rows are tried again.
    patience: u32,
    full_steps: u32,
}

/// Full batches that must step before one more row is tried.
const PATIENCE: u32 = 200;

/// The longest pause before a size that was too large is tried again, in full batches.
const LONGEST_PATIENCE: u32 = 64 * PATIENCE;

impl Limit {
    /// Starts at `most`; `least` is brought into 1 to `most`.
    pub fn new(least: usize, most: usize) -> Self {
        let most = most.max(1);
        let patience = PATIENCE;
        Self { least: least.clamp(1, most), most, now: most, too_large: usize::MAX, patience, full_steps: 0 }
    }

    /// The most rows that a batch may have now.
    pub fn rows(&self) -> usize {
        self.now
    }

    /// A batch of `rows` rows was too large.
    pub fn out_of_memory(&mut self, rows: usize) {
        self.too_large = self.too_large.min(rows);
        self.patience = (4 * self.patience).min(LONGEST_PATIENCE);
        self.now = (rows / 2).min(self.now).max(self.least);
        self.full_steps = 0;
    }

    /// A batch of `rows` rows took a step.
    pub fn stepped(&mut self, rows: usize) {
        if rows < self.now || self.now == self.most {
            return;
        }
        self.full_steps += 1;
        let next = self.now + 1;
        if self.full_steps >= if next < self.too_large { PATIENCE } else { self.patience } {
            self.full_steps = 0;
            self.now = next;
            self.too_large = if next < self.too_large { self.too_large } else { usize::MAX };
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
            limit.out_of_memory(limit.rows());
            seen.push(limit.rows());
        }
        assert_eq!(seen, [8, 4, 2, 2]);
        for _ in 0..10 * PATIENCE {
            limit.stepped(1); // a batch that is not full proves nothing
        }
        assert_eq!(limit.rows(), 2);
        for _ in 0..100 * PATIENCE {
            limit.stepped(limit.rows());
        }
        assert_eq!(limit.rows(), 8);
    }

    #[test]
    fn a_size_that_was_too_large_is_tried_less_and_less_often() {
        let mut limit = Limit::new(1, 8);
        let mut failures = Vec::new();
        for step in 0..100 * PATIENCE {
            if limit.rows() > 5 {
                limit.out_of_memory(limit.rows());
                failures.push(step);
            }
            limit.stepped(limit.rows());
        }
        let pauses: Vec<u32> = failures.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.is_sorted() && pauses.len() <= 6, "{failures:?}");
        assert!(limit.rows() >= 3, "{}", limit.rows());
    }

    #[test]
    fn is_never_zero() {
        assert_eq!(Limit::new(0, 0).rows(), 1);
        assert_eq!(Limit::new(9, 3).rows(), 3);
        let mut limit = Limit::new(1, 4);
        limit.out_of_memory(1);
        assert_eq!(limit.rows(), 1);
    }
}

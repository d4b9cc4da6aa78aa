//! Which waiting jobs join the running batch: a pure function.
//!
//! Timestep, step count, seed and guidance scale belong to a row, so none of them splits a batch: what decides is the
//! number of rows, and whether a job must run alone. Jobs join in the order in which they arrived; none overtakes.

use std::fmt;

/// Whether a job may share a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exclusivity {
    /// It may share a batch.
    Shared,
    /// It runs alone: on its last attempt, so that a job that breaks its batches does not cost other jobs their attempts.
    Exclusive,
}

/// Why a batch did not grow further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Every waiting job joined.
    NothingWaiting,
    /// The batch has as many rows as the budget allows.
    Full,
    /// The next job, or the one that runs, must run alone.
    Exclusive,
}

impl StopReason {
    /// The reason as a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NothingWaiting => "nothing_waiting",
            Self::Full => "full",
            Self::Exclusive => "exclusive",
        }
    }
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many of the `waiting` jobs, from the first, join those that are `running`, and why no more do.
///
/// `budget` is the most rows that the batch may have.
pub fn plan(waiting: &[Exclusivity], running: &[Exclusivity], budget: usize) -> (usize, StopReason) {
    let mut is_exclusive = running.contains(&Exclusivity::Exclusive);
    for (admitted, next) in waiting.iter().enumerate() {
        let rows = running.len() + admitted;
        if rows >= budget {
            return (admitted, StopReason::Full);
        }
        if is_exclusive || (*next == Exclusivity::Exclusive && rows > 0) {
            return (admitted, StopReason::Exclusive);
        }
        is_exclusive = *next == Exclusivity::Exclusive;
    }
    (waiting.len(), StopReason::NothingWaiting)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.` is a job that shares, `!` one that must run alone.
    fn case(waiting: &str, running: &str, budget: usize) -> String {
        let jobs = |text: &str| -> Vec<Exclusivity> {
            text.chars().map(|c| if c == '!' { Exclusivity::Exclusive } else { Exclusivity::Shared }).collect()
        };
        let (admitted, reason) = plan(&jobs(waiting), &jobs(running), budget);
        format!("{admitted} {reason}")
    }

    #[test]
    fn all_join_while_there_is_room() {
        assert_eq!(case("", "", 4), "0 nothing_waiting");
        assert_eq!(case("...", "", 4), "3 nothing_waiting");
        assert_eq!(case("....", "", 4), "4 nothing_waiting");
        assert_eq!(case("..", "..", 4), "2 nothing_waiting");
    }

    #[test]
    fn a_full_batch_stops_growing() {
        assert_eq!(case(".....", "", 4), "4 full");
        assert_eq!(case("...", "..", 4), "2 full");
        assert_eq!(case(".", "....", 4), "0 full");
        // The budget shrank while the batch ran: none joins, none is removed.
        assert_eq!(case(".", "....", 2), "0 full");
        assert_eq!(case(".", "", 0), "0 full");
    }

    #[test]
    fn an_exclusive_job_waits_for_an_empty_batch_and_is_not_overtaken() {
        assert_eq!(case("!", "", 4), "1 nothing_waiting");
        assert_eq!(case("!", ".", 4), "0 exclusive");
        assert_eq!(case(".", "!", 4), "0 exclusive");
        assert_eq!(case("!.", "", 4), "1 exclusive");
        assert_eq!(case(".!.", "", 4), "1 exclusive");
        assert_eq!(case("!!", "", 4), "1 exclusive");
        assert_eq!(case("!", "!", 1), "0 full");
    }

    #[test]
    fn an_exclusive_job_never_shares_a_batch_and_no_batch_exceeds_its_budget() {
        for waiting in 0..256_u32 {
            for running in ["", ".", "...", "!"] {
                for budget in 0..6 {
                    let waiting: Vec<Exclusivity> = (0..8)
                        .map(|bit| if waiting >> bit & 1 == 1 { Exclusivity::Exclusive } else { Exclusivity::Shared })
                        .collect();
                    let running: Vec<Exclusivity> = running
                        .chars()
                        .map(|c| if c == '!' { Exclusivity::Exclusive } else { Exclusivity::Shared })
                        .collect();
                    let (admitted, reason) = plan(&waiting, &running, budget);
                    let mut batch = running.clone();
                    batch.extend(&waiting[..admitted]);
                    assert!(batch.len() <= budget.max(running.len()));
                    assert!(batch.len() <= 1 || !batch.contains(&Exclusivity::Exclusive), "{batch:?}");
                    assert_eq!(admitted == waiting.len(), reason == StopReason::NothingWaiting);
                }
            }
        }
    }
}

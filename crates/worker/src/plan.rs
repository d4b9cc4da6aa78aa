//! Which waiting jobs join the running batch: one pure function.
//!
//! Timestep, step count, seed and guidance scale travel with each row, so none of them splits a batch: what decides is
//! room, and whether a job must be alone. Jobs join in the order they came; nobody overtakes.

use std::fmt;

/// What the planner needs to know of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// It may share a batch.
    Any,
    /// It runs alone: it is on its last attempt, and a job that breaks every batch it is in must not take its
    /// neighbours' attempts with it.
    Alone,
}

/// Why a batch did not grow further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Every waiting job joined.
    NothingWaiting,
    /// The batch has as many rows as the budget allows.
    Full,
    /// The next job, or the one that runs, must be alone.
    Alone,
}

impl StopReason {
    /// The reason as a metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NothingWaiting => "nothing_waiting",
            Self::Full => "full",
            Self::Alone => "alone",
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
pub fn plan(waiting: &[Company], running: &[Company], budget: usize) -> (usize, StopReason) {
    let mut alone = running.contains(&Company::Alone);
    for (admitted, next) in waiting.iter().enumerate() {
        let rows = running.len() + admitted;
        if rows >= budget {
            return (admitted, StopReason::Full);
        }
        if alone || (*next == Company::Alone && rows > 0) {
            return (admitted, StopReason::Alone);
        }
        alone = *next == Company::Alone;
    }
    (waiting.len(), StopReason::NothingWaiting)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `.` is a job that shares, `!` one that must be alone.
    fn case(waiting: &str, running: &str, budget: usize) -> String {
        let jobs = |text: &str| -> Vec<Company> {
            text.chars().map(|c| if c == '!' { Company::Alone } else { Company::Any }).collect()
        };
        let (admitted, reason) = plan(&jobs(waiting), &jobs(running), budget);
        format!("{admitted} {reason}")
    }

    #[test]
    fn everybody_joins_while_there_is_room() {
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
        // The budget shrank while the batch ran: nobody joins, nobody is thrown out.
        assert_eq!(case(".", "....", 2), "0 full");
        assert_eq!(case(".", "", 0), "0 full");
    }

    #[test]
    fn who_must_be_alone_waits_for_an_empty_batch_and_is_not_overtaken() {
        assert_eq!(case("!", "", 4), "1 nothing_waiting");
        assert_eq!(case("!", ".", 4), "0 alone");
        assert_eq!(case(".", "!", 4), "0 alone");
        assert_eq!(case("!.", "", 4), "1 alone");
        assert_eq!(case(".!.", "", 4), "1 alone");
        assert_eq!(case("!!", "", 4), "1 alone");
        assert_eq!(case("!", "!", 1), "0 full");
    }

    #[test]
    fn a_batch_never_exceeds_its_budget_nor_mixes_the_lonely() {
        for waiting in 0..256_u32 {
            for running in ["", ".", "...", "!"] {
                for budget in 0..6 {
                    let waiting: Vec<Company> =
                        (0..8).map(|bit| if waiting >> bit & 1 == 1 { Company::Alone } else { Company::Any }).collect();
                    let running: Vec<Company> =
                        running.chars().map(|c| if c == '!' { Company::Alone } else { Company::Any }).collect();
                    let (admitted, reason) = plan(&waiting, &running, budget);
                    let mut batch = running.clone();
                    batch.extend(&waiting[..admitted]);
                    assert!(batch.len() <= budget.max(running.len()));
                    assert!(batch.len() <= 1 || !batch.contains(&Company::Alone), "{batch:?}");
                    assert_eq!(admitted == waiting.len(), reason == StopReason::NothingWaiting);
                }
            }
        }
    }
}

//! Simulations for test keys: the header `X-Test-Scenario`.
//!
//! The code of any problem, at any route that takes a key, makes the route respond with that problem. The other scenarios
//! are of jobs: the gateway simulates them in place of a worker.

use crate::Problem;
use crate::codes::{self, Kind};
use access::{Caller, Mode};
use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use domain::FailureCode;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const X_TEST_SCENARIO: HeaderName = HeaderName::from_static("x-test-scenario");

/// How a job is simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// It succeeds within a second or so.
    Success,
    /// It succeeds, and takes half a minute.
    Slow,
    /// Its first attempt fails, its second succeeds.
    Retry,
    /// It runs until it is cancelled, ten minutes at most.
    Never,
    /// It fails with this code.
    Fail(FailureCode),
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Slow => f.write_str("slow"),
            Self::Retry => f.write_str("retry"),
            Self::Never => f.write_str("never"),
            Self::Fail(code) => write!(f, "fail:{}", code.as_str()),
        }
    }
}

/// The names of all scenarios of jobs.
pub(crate) fn scenarios() -> impl Iterator<Item = String> {
    let fixed = [Scenario::Success, Scenario::Slow, Scenario::Retry, Scenario::Never];
    fixed.into_iter().chain(FailureCode::ALL.iter().copied().map(Scenario::Fail)).map(|scenario| scenario.to_string())
}

/// A text that names no scenario of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoScenario;

impl FromStr for Scenario {
    type Err = NoScenario;

    fn from_str(text: &str) -> Result<Self, NoScenario> {
        match text {
            "success" => Ok(Self::Success),
            "slow" => Ok(Self::Slow),
            "retry" => Ok(Self::Retry),
            "never" => Ok(Self::Never),
            _ => {
                let code = text.strip_prefix("fail:").ok_or(NoScenario)?;
                FailureCode::of(code).map(Self::Fail).ok_or(NoScenario)
            }
        }
    }
}

/// What a request asks to simulate.
enum Simulation {
    Nothing,
    Job(Scenario),
    Problem(&'static Kind),
}

impl Simulation {
    fn of(request: &HttpRequest, caller: &Caller) -> Result<Self, Problem> {
        let Some(text) = request.headers().get(X_TEST_SCENARIO) else { return Ok(Self::Nothing) };
        let unknown = |detail: String| Problem::new(&codes::UNKNOWN_SCENARIO, detail);
        if caller.mode != Mode::Test {
            // Running a real job in place of a simulated one would be a costly mistake.
            return Err(unknown("Scenarios are simulated for test keys (orf_test_…) only.".to_owned()));
        }
        let text = text.to_str().unwrap_or_default();
        if let Ok(scenario) = text.parse() {
            return Ok(Self::Job(scenario));
        }
        let kind = codes::ALL.iter().find(|kind| kind.code == text);
        let known = || {
            let text: String = text.chars().take(64).collect();
            unknown(format!(
                "{text:?} is none of success, slow, retry, never, fail:<failure>, and no code of a problem."
            ))
        };
        kind.map(|kind| Self::Problem(kind)).ok_or_else(known)
    }
}

/// Fails with a problem if the request asks for one.
pub(crate) fn simulate_problem(request: &HttpRequest, caller: &Caller) -> Result<(), Problem> {
    match Simulation::of(request, caller)? {
        // Tests need not wait as long as in production.
        Simulation::Problem(kind) if kind.retryable => Err(simulated(kind).retry_after(Duration::from_secs(1))),
        Simulation::Problem(kind) => Err(simulated(kind)),
        Simulation::Nothing | Simulation::Job(_) => Ok(()),
    }
}

fn simulated(kind: &'static Kind) -> Problem {
    Problem::new(kind, "The header X-Test-Scenario asked for this problem.")
}

/// How the jobs of a request are simulated; `None` if they are real.
///
/// # Errors
/// `unknown_scenario`.
pub fn scenario(request: &HttpRequest, caller: &Caller) -> Result<Option<Scenario>, Problem> {
    match (caller.mode, Simulation::of(request, caller)?) {
        (Mode::Live, _) => Ok(None),
        (Mode::Test, Simulation::Job(scenario)) => Ok(Some(scenario)),
        (Mode::Test, _) => Ok(Some(Scenario::Success)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_read_as_it_is_written() {
        for text in scenarios() {
            assert_eq!(text.parse().map(|scenario: Scenario| scenario.to_string()), Ok(text));
        }
        for wrong in ["", "Success", "fail:", "fail:nothing", "fail"] {
            assert_eq!(wrong.parse::<Scenario>(), Err(NoScenario), "{wrong}");
        }
        // A code of a problem must not hide a scenario of a job.
        assert!(codes::ALL.iter().all(|kind| kind.code.parse::<Scenario>().is_err()));
    }
}

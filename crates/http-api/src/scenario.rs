//! What a test key asks to have played, in the header `X-Test-Scenario`.
//!
//! Every problem of the table can be had by its code, at any route that takes a key. The other scenarios are of jobs:
//! the gateway plays them in place of a worker.

use crate::Problem;
use crate::codes::{self, Kind};
use access::{Caller, Mode};
use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

const X_TEST_SCENARIO: HeaderName = HeaderName::from_static("x-test-scenario");

/// How a job is played.
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
    /// It fails in this way.
    Fail(&'static Failing),
}

/// A way for a job to fail.
#[derive(Debug, PartialEq, Eq)]
pub struct Failing {
    /// The failure's code.
    pub code: &'static str,
    /// What is said of it.
    pub detail: &'static str,
    /// It is tried again until attempts run out.
    pub retryable: bool,
}

/// All ways for a job to fail, as workers and queue name them.
pub static FAILINGS: &[Failing] = &[
    lasting("image_gone", "The picture is no longer kept; submit it again."),
    lasting("image_undecodable", "The picture cannot be decoded."),
    lasting("image_empty", "Nothing is visible in the picture."),
    lasting("invalid_parameter", "The model cannot do what was asked of it."),
    lasting("no_surface", "The model found no surface for this picture; another seed or more steps may."),
    lasting("result_too_large", "The mesh file is larger than this server keeps; ask for a smaller face budget."),
    passing("device_error", "While the shape was made, the device failed."),
    passing("internal", "Something went wrong on our side."),
    passing("worker_lost", "The worker was lost."),
];

const fn lasting(code: &'static str, detail: &'static str) -> Failing {
    Failing { code, detail, retryable: false }
}

const fn passing(code: &'static str, detail: &'static str) -> Failing {
    Failing { code, detail, retryable: true }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Success => f.write_str("success"),
            Self::Slow => f.write_str("slow"),
            Self::Retry => f.write_str("retry"),
            Self::Never => f.write_str("never"),
            Self::Fail(failing) => write!(f, "fail:{}", failing.code),
        }
    }
}

/// The names of all scenarios of jobs.
pub(crate) fn scenarios() -> impl Iterator<Item = String> {
    let fixed = [Scenario::Success, Scenario::Slow, Scenario::Retry, Scenario::Never];
    fixed.into_iter().chain(FAILINGS.iter().map(Scenario::Fail)).map(|scenario| scenario.to_string())
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
                FAILINGS.iter().find(|failing| failing.code == code).map(Self::Fail).ok_or(NoScenario)
            }
        }
    }
}

/// What a request wants to have played.
enum Wanted {
    Nothing,
    Job(Scenario),
    Problem(&'static Kind),
}

impl Wanted {
    fn of(request: &HttpRequest, caller: &Caller) -> Result<Self, Problem> {
        let Some(text) = request.headers().get(X_TEST_SCENARIO) else { return Ok(Self::Nothing) };
        let unknown = |detail: String| Problem::new(&codes::UNKNOWN_SCENARIO, detail);
        if caller.mode != Mode::Test {
            // A live job in place of a played one would be a costly mistake.
            return Err(unknown("Scenarios are played for test keys (orf_test_…) only.".to_owned()));
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

/// Plays a problem, if it is one that a test key asks for.
pub(crate) fn play(request: &HttpRequest, caller: &Caller) -> Result<(), Problem> {
    match Wanted::of(request, caller)? {
        // Tests should not have to wait as long as the real thing would have them.
        Wanted::Problem(kind) if kind.retryable => Err(asked_for(kind).retry_after(Duration::from_secs(1))),
        Wanted::Problem(kind) => Err(asked_for(kind)),
        Wanted::Nothing | Wanted::Job(_) => Ok(()),
    }
}

fn asked_for(kind: &'static Kind) -> Problem {
    Problem::new(kind, "This was asked for with X-Test-Scenario.")
}

/// How the jobs of a request are to be played; `None` when they are to be made.
///
/// # Errors
/// `unknown_scenario`.
pub fn scenario(request: &HttpRequest, caller: &Caller) -> Result<Option<Scenario>, Problem> {
    match (caller.mode, Wanted::of(request, caller)?) {
        (Mode::Live, _) => Ok(None),
        (Mode::Test, Wanted::Job(scenario)) => Ok(Some(scenario)),
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

//! What came of a job, for those routes that need it to have succeeded.

use domain::{JobRecord, JobState, ResultRecord};
use http_api::{Problem, codes};

/// The artifact is not there any more.
pub(crate) fn gone() -> Problem {
    Problem::new(&codes::RESULT_GONE, "The result is no longer kept.")
}

/// The result of a job that succeeded.
pub(crate) fn result_of(record: JobRecord) -> Result<ResultRecord, Problem> {
    match record.state {
        JobState::Succeeded => record.result.ok_or_else(|| gone().because("a job that succeeded has no result")),
        JobState::Queued | JobState::Running => {
            Err(Problem::new(&codes::RESULT_NOT_READY, format!("The job is {}.", record.state.as_str())))
        }
        JobState::Cancelled => Err(Problem::new(&codes::JOB_CANCELLED, "The job was cancelled.")),
        JobState::Failed => {
            let problem = Problem::new(&codes::JOB_FAILED, "The job has failed.");
            Err(match record.failure {
                Some(failure) => problem.with_failure(failure),
                None => problem,
            })
        }
    }
}

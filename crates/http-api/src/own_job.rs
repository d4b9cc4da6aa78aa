//! A caller's own job.

use crate::names::namespace;
use crate::{Authenticated, JobPath, Problem, codes};
use domain::JobRecord;
use queue::Queue;

/// What is known of a job of this caller.
///
/// # Errors
/// `job_not_found` when there is no such job, and just so when it is somebody else's: whoever asks must not learn that
/// it exists. `queue_unavailable` when the queue does not answer.
pub async fn own_job<P>(queue: &Queue, caller: &Authenticated<P>, job: &JobPath) -> Result<JobRecord, Problem> {
    for id in job.ids(&namespace(caller.caller())) {
        if let Some(record) = queue.answered_with(id).await?.filter(|record| record.job.owner == caller.owner()) {
            return Ok(record);
        }
    }
    Err(not_found())
}

/// There is no such job, as far as the caller is concerned.
pub(crate) fn not_found() -> Problem {
    Problem::new(&codes::JOB_NOT_FOUND, "You have no job of this id.")
}

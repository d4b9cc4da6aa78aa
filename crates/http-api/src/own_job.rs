//! The job that a path names, if it belongs to the caller.

use crate::names::namespace;
use crate::{Authenticated, JobPath, Problem, codes};
use domain::JobRecord;
use queue::{JobEntry, Queue};

/// The job that a path names, with its position. Its record may be unreadable.
///
/// # Errors
/// `job_not_found` if there is no such job or another tenant owns it; the two cannot be distinguished. `queue_unavailable` if
/// the queue does not answer.
pub async fn own_entry<P>(queue: &Queue, caller: &Authenticated<P>, job: &JobPath) -> Result<JobEntry, Problem> {
    for id in job.ids(&namespace(caller.caller())) {
        if let Some(entry) = queue.entry(id).await?.filter(|entry| owner(entry) == caller.owner()) {
            return Ok(entry);
        }
    }
    Err(not_found())
}

/// The record of the job that a path names.
///
/// # Errors
/// As [`own_entry`], and `job_unreadable`.
pub async fn own_job<P>(queue: &Queue, caller: &Authenticated<P>, job: &JobPath) -> Result<JobRecord, Problem> {
    Ok(own_entry(queue, caller, job).await?.record.map_err(queue::Error::from)?)
}

fn owner(entry: &JobEntry) -> &str {
    match &entry.record {
        Ok(record) => &record.job.owner,
        Err(unreadable) => &unreadable.owner,
    }
}

/// The response for a job that does not exist for the caller.
pub(crate) fn not_found() -> Problem {
    Problem::new(&codes::JOB_NOT_FOUND, "You have no job of this id.")
}

//! Ids that stand for other jobs.

use crate::error::Error;
use crate::queue::Queue;
use domain::{JobId, JobRecord};

impl Queue {
    /// All that is known of the job that a submission of this id was answered with: the job of this id, or another one
    /// that made the same thing. One round trip; three when it is another one.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn answered_with(&self, id: JobId) -> Result<Option<JobRecord>, Error> {
        if let Some(record) = self.record(id).await? {
            return Ok(Some(record));
        }
        let command = redis::cmd("HGET").arg(self.inner.keys.alias(id)).arg("job").to_owned();
        let Some(other) = self.inner.connections.command::<Option<String>>(&command).await? else { return Ok(None) };
        self.record(other.parse().map_err(|_| Error::Corrupt { what: "a job's id", source: None })?).await
    }
}

//! Requests that are sent again, answered from what is stored.

use crate::entry::JobEntry;
use crate::error::Error;
use crate::queue::Queue;
use crate::submit::hex;
use domain::JobId;

impl Queue {
    /// The job that an earlier submission of this id was answered with, if there was one; see [`SubmitOutcome::Repeated`].
    /// So a request that is sent again need not be prepared again. Two round trips, one when there was none.
    ///
    /// [`SubmitOutcome::Repeated`]: crate::SubmitOutcome::Repeated
    ///
    /// # Errors
    /// [`Error::Conflict`] when the earlier request had another fingerprint; [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn repeated(&self, id: JobId, fingerprint: [u8; 32]) -> Result<Option<JobEntry>, Error> {
        let fingerprint_of = redis::cmd("HGET").arg(self.inner.keys.job(id)).arg("fingerprint").to_owned();
        let known: Option<String> = self.inner.connections.command(&fingerprint_of).await?;
        match known {
            None => Ok(None),
            // `None` once the retention of the job that answered is over.
            Some(known) if known == hex(Some(fingerprint)) => self.entry(id).await,
            Some(_) => Err(Error::Conflict),
        }
    }
}

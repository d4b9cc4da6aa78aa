//! Batches: jobs that were submitted together.

use crate::entry::{JobEntry, StoredEntry, parse_id, parse_tenant};
use crate::error::Error;
use crate::queue::Queue;
use domain::{BatchId, JobId};

/// A batch and its jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchRecord {
    /// The tenant that owns it.
    pub owner: String,
    /// When it was submitted, milliseconds since the Unix epoch.
    pub submitted_ms: u64,
    /// Its jobs, in the order in which they were submitted.
    pub members: Vec<Member>,
}

/// A job of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The id of the job.
    pub id: JobId,
    /// Its record and position; `None` when its retention is over.
    pub entry: Option<JobEntry>,
}

impl Queue {
    /// A batch with its jobs and their positions; `None` when there is no such batch or its retention is over (which
    /// begins with the end of its last job). One round trip, and one call at a time in each process: see
    /// [`jobs_of`](Self::jobs_of).
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn batch(&self, id: BatchId) -> Result<Option<BatchRecord>, Error> {
        let corrupt = || Error::Corrupt { what: "a batch", source: None };
        let mut call = self.call(&self.inner.scripts.batch);
        call.arg(id.to_string());
        type Answer = Option<(String, String, Vec<(String, Option<StoredEntry>)>)>;
        let _permit = self.inner.pages.acquire().await;
        let Some((tenant, submitted, members)) = self.inner.connections.script::<Answer>(&call).await? else {
            return Ok(None);
        };
        let (_, owner) = parse_tenant(&tenant).ok_or_else(corrupt)?;
        let submitted_ms = submitted.parse().map_err(|_| corrupt())?;
        let member = |(id, stored): (String, Option<StoredEntry>)| {
            Ok(Member { id: parse_id(&id)?, entry: stored.map(StoredEntry::read).transpose()? })
        };
        let members = members.into_iter().map(member).collect::<Result<_, Error>>()?;
        Ok(Some(BatchRecord { owner, submitted_ms, members }))
    }
}

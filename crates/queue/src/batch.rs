//! Batches: jobs that were submitted together.

use crate::error::Error;
use crate::queue::Queue;
use crate::record::Fields;
use domain::{BatchId, JobId, JobRecord};
use std::collections::HashMap;

/// A batch and its jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchRecord {
    /// Whose it is.
    pub owner: String,
    /// When it was submitted, milliseconds since the Unix epoch.
    pub submitted_ms: u64,
    /// Its jobs, in the order in which they were submitted.
    pub members: Vec<Member>,
}

/// A job of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The job's id.
    pub id: JobId,
    /// All that is known of it; `None` when its retention is over.
    pub record: Option<JobRecord>,
}

impl Queue {
    /// A batch and its jobs; `None` when there is no such batch, or its retention is over (which begins with the end of
    /// its last job). Two round trips.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn batch(&self, id: BatchId) -> Result<Option<BatchRecord>, Error> {
        let corrupt = || Error::Corrupt { what: "a batch", source: None };
        let keys = &self.inner.keys;
        let command = redis::cmd("HGETALL").arg(keys.batch(id)).to_owned();
        let batch: HashMap<String, String> = self.inner.connections.command(&command).await?;
        if batch.is_empty() {
            return Ok(None);
        }
        let field = |name| batch.get(name).ok_or_else(corrupt);
        let (_, owner) = field("tenant")?.split_once(':').ok_or_else(corrupt)?;
        let submitted_ms = field("submitted")?.parse().map_err(|_| corrupt())?;
        let ids = field("members")?.split(' ').map(|id| id.parse().map_err(|_| corrupt()));
        let ids = ids.collect::<Result<Vec<JobId>, Error>>()?;

        let mut pipeline = redis::pipe();
        for id in &ids {
            pipeline.hgetall(keys.job(*id));
        }
        let jobs: Vec<Fields> = self.inner.connections.pipeline(&pipeline).await?;
        let member = |(id, fields): (JobId, &Fields)| Ok(Member { id, record: fields.record()? });
        let members = ids.into_iter().zip(&jobs).map(member).collect::<Result<_, Error>>()?;
        Ok(Some(BatchRecord { owner: owner.to_owned(), submitted_ms, members }))
    }
}

//! Where a job stands in the queue, and when it may be done.

use crate::error::Error;
use crate::queue::Queue;
use domain::JobId;
use std::time::Duration;

/// Where a job stands in the queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueuePosition {
    /// 1 is next; 0: it is not queued. Positions are counted within the class and lane of the job. Exact while one
    /// tenant waits there, else an estimate by fair shares. For a job that waits for a retry, its rank among those:
    /// they go first when they are due.
    pub position: u64,
    /// Time until it is done, from the recent average run time, the slots of the live workers that cover it and the
    /// jobs ahead. `None` when no live worker covers it, when no job has ended yet, and for jobs that have ended.
    pub eta: Option<Duration>,
    /// The job is queued and no live worker covers its needs: it waits until such a worker starts.
    pub no_worker: bool,
}

impl QueuePosition {
    pub(crate) fn new(position: u64, eta_ms: i64, no_worker: u8) -> Self {
        Self { position, eta: u64::try_from(eta_ms).ok().map(Duration::from_millis), no_worker: no_worker != 0 }
    }
}

impl Queue {
    /// The position of a job; `None` when there is no such job. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn position(&self, id: JobId) -> Result<Option<QueuePosition>, Error> {
        let mut call = self.call(&self.inner.scripts.position);
        call.arg(id.to_string());
        let found: Option<(u64, i64, u8)> = self.inner.connections.script(&call).await?;
        Ok(found.map(|(position, eta, no_worker)| QueuePosition::new(position, eta, no_worker)))
    }
}

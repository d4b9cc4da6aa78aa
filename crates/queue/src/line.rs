//! Where a job stands in line, and when it may be done.

use crate::error::Error;
use crate::queue::Queue;
use domain::JobId;
use std::time::Duration;

/// Where a job stands in line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Line {
    /// 1 is next; 0: it does not wait. Exact while there is one tenant, else an estimate by fair shares, if nobody comes
    /// or goes. Of jobs that wait for a retry, the place among these, as they go first when they are due.
    pub position: u64,
    /// Time until it is done, from the average run time of late, the seats of the workers alive, and the jobs ahead.
    /// `None` when no worker is alive, when no job has ended yet, and for jobs that have ended.
    pub eta: Option<Duration>,
}

impl Line {
    pub(crate) fn new(position: u64, eta_ms: i64) -> Self {
        Self { position, eta: u64::try_from(eta_ms).ok().map(Duration::from_millis) }
    }
}

impl Queue {
    /// Where a job stands in line; `None` when there is no such job. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn line(&self, id: JobId) -> Result<Option<Line>, Error> {
        let mut call = self.call(&self.inner.scripts.line);
        call.arg(id.to_string());
        let line: Option<(u64, i64)> = self.inner.connections.script(&call).await?;
        Ok(line.map(|(position, eta)| Line::new(position, eta)))
    }
}

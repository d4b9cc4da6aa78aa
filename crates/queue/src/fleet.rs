//! The live workers.

use crate::error::Error;
use crate::queue::Queue;
use crate::worker::millis;
use domain::WorkerInfo;
use std::collections::HashMap;
use std::time::Duration;

/// A worker that has not announced itself for this long counts as gone.
pub(crate) const GONE_AFTER: Duration = Duration::from_secs(5);

impl Queue {
    /// Announces that a worker is alive, for the next 5 seconds. A [`Worker`](crate::Worker) does so each second while it exists. One round
    /// trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn announce(&self, info: &WorkerInfo) -> Result<(), Error> {
        let json = serde_json::to_string(info).map_err(Error::corrupt("a worker to be written"))?;
        let mut call = self.call(&self.inner.scripts.announce);
        call.arg(&info.name).arg(info.slots).arg(json).arg(millis(GONE_AFTER));
        Ok(self.inner.connections.script(&call).await?)
    }

    /// The live workers, by name. One that this version cannot read is left out. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>, Error> {
        let pipeline = redis::pipe().cmd("TIME").hgetall(self.inner.keys.workers()).to_owned();
        type Answer = ((u64, u64), HashMap<String, String>);
        let ((seconds, micros), entries): Answer = self.inner.connections.pipeline(&pipeline).await?;
        let now = seconds * 1000 + micros / 1000;
        let mut workers: Vec<WorkerInfo> = Vec::with_capacity(entries.len());
        for (name, entry) in &entries {
            let mut parts = entry.splitn(3, ' ');
            let (at, _slots, json) = (parts.next().and_then(|at| at.parse::<u64>().ok()), parts.next(), parts.next());
            if at.is_none_or(|at| now > at + millis(GONE_AFTER)) {
                continue;
            }
            match serde_json::from_str(json.unwrap_or_default()) {
                Ok(info) => workers.push(info),
                Err(error) => tracing::warn!(worker = name, %error, "the announcement of a worker cannot be read"),
            }
        }
        workers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(workers)
    }
}

//! The live workers and their pools.

use crate::error::Error;
use crate::queue::Queue;
use crate::worker::millis;
use domain::{Capability, WorkerInfo};
use std::collections::HashMap;
use std::time::Duration;

/// A worker that has not announced itself for this long counts as gone.
const GONE_AFTER: Duration = Duration::from_secs(5);

/// The pool of workers that run test jobs.
pub(crate) const TEST_POOL: &str = "*";

/// The pool of a worker: the workers with equal capabilities. Its name lists the capabilities as `lanes.lua` reads
/// them.
pub(crate) fn pool(capabilities: &[Capability]) -> String {
    let line = |one: &Capability| {
        let (default, views) = (u8::from(one.is_default_model), u8::from(one.multi_view));
        format!("{}/{}/{default}/{views}/{}/{}\n", one.kind, one.level, one.grid_class(), one.model)
    };
    let mut lines: Vec<String> = capabilities.iter().map(line).collect();
    lines.sort_unstable();
    lines.dedup();
    lines.concat()
}

impl Queue {
    /// Announces that a worker is alive, for the next 5 seconds. A [`Worker`](crate::Worker) does so each second while
    /// it exists. One round trip.
    ///
    /// # Errors
    /// [`Error::InvalidName`], [`Error::Unavailable`].
    pub async fn announce(&self, info: &WorkerInfo) -> Result<(), Error> {
        info.capabilities.iter().try_for_each(Capability::check_names)?;
        let json = serde_json::to_string(info).map_err(Error::corrupt("a worker to be written"))?;
        self.announce_in(&pool(&info.capabilities), info, &json).await
    }

    /// The same for a worker of test jobs, which is not listed among the [workers](Self::workers).
    pub(crate) async fn announce_test_worker(&self, info: &WorkerInfo) -> Result<(), Error> {
        self.announce_in(TEST_POOL, info, "").await
    }

    async fn announce_in(&self, pool: &str, info: &WorkerInfo, json: &str) -> Result<(), Error> {
        let mut call = self.call(&self.inner.scripts.announce);
        call.arg(&info.name).arg(info.slots).arg(pool).arg(json).arg(millis(GONE_AFTER));
        Ok(self.inner.connections.script(&call).await?)
    }

    /// The live workers, by name. One that this version cannot read is left out. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn workers(&self) -> Result<Vec<WorkerInfo>, Error> {
        let keys = &self.inner.keys;
        let mut pipeline = redis::pipe();
        pipeline.cmd("TIME").hgetall(keys.workers()).zrange_withscores(keys.alive(), 0, -1);
        type Answer = ((u64, u64), HashMap<String, String>, HashMap<String, f64>);
        let ((seconds, micros), entries, alive): Answer = self.inner.connections.pipeline(&pipeline).await?;
        let now = (seconds * 1000 + micros / 1000) as f64;
        let mut workers: Vec<WorkerInfo> = Vec::with_capacity(entries.len());
        for (name, entry) in &entries {
            let json = entry.splitn(3, '\t').nth(2).unwrap_or_default();
            if json.is_empty() || alive.get(name).is_none_or(|until| *until < now) {
                continue;
            }
            match serde_json::from_str(json) {
                Ok(info) => workers.push(info),
                Err(error) => tracing::warn!(worker = name, %error, "the announcement of a worker cannot be read"),
            }
        }
        workers.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(workers)
    }
}

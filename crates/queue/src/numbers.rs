//! Numbers for metrics and readiness.

use crate::error::Error;
use crate::queue::Queue;
use crate::submit::tenant;
use domain::Class;
use std::collections::HashMap;
use std::time::Duration;

/// How many jobs there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Jobs that wait, those that wait for a retry included.
    pub queued: u64,
    /// Jobs that a worker holds.
    pub running: u64,
    /// Dead letters.
    pub dead: u64,
}

/// How many jobs have not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Jobs that wait, those that wait for a retry included.
    pub queued: u64,
    /// Jobs that a worker holds.
    pub running: u64,
}

/// A class and lane in which jobs wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneStatus {
    /// The class.
    pub class: Class,
    /// The lane: `kind/level/model/views/grid`, see [`domain::Needs::lane`].
    pub lane: String,
    /// Jobs that wait in it now. Those that wait for a retry are not among them.
    pub queued: u64,
    /// How long jobs have waited there without one being dispatched. While no worker covers the lane, this is the age
    /// of its oldest job (or more, when that was cancelled).
    pub waiting_for: Duration,
    /// Whether a live worker covers the lane.
    pub has_worker: bool,
    /// Slots of the live workers that cover it.
    pub slots: u32,
}

/// What happened since the keys of the queue were made. These only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Refused writes of workers that no longer held their job.
    pub fenced: u64,
    /// Leases that ran out and were taken back.
    pub reclaimed: u64,
    /// Jobs that succeeded.
    pub succeeded: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
    /// Submissions answered with the job of the same id.
    pub repeated: u64,
    /// Submissions answered with a waiting or running job that makes the same.
    pub attached: u64,
    /// Submissions answered with a succeeded job that made the same.
    pub cached: u64,
    /// Submissions for which such a job was looked for and not found.
    pub missed: u64,
}

impl Queue {
    /// How many jobs there are, in all classes together. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn depth(&self) -> Result<Depth, Error> {
        let keys = &self.inner.keys;
        let mut pipeline = redis::pipe();
        pipeline.cmd("HMGET").arg(keys.numbers()).arg(load_fields()).cmd("XLEN").arg(keys.dead());
        let (load, dead): (Vec<Option<u64>>, u64) = self.inner.connections.pipeline(&pipeline).await?;
        let sum = |which: usize| load.iter().skip(which).step_by(2).flatten().sum();
        Ok(Depth { queued: sum(0), running: sum(1), dead })
    }

    /// How many jobs of each class have not ended. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn load(&self) -> Result<[(Class, Load); 3], Error> {
        let command = redis::cmd("HMGET").arg(self.inner.keys.numbers()).arg(load_fields()).to_owned();
        let load: Vec<Option<u64>> = self.inner.connections.command(&command).await?;
        let number = |at: usize| load.get(at).copied().flatten().unwrap_or(0);
        let mut at = 0;
        Ok(Class::ALL.map(|class| {
            at += 2;
            (class, Load { queued: number(at - 2), running: number(at - 1) })
        }))
    }

    /// How many jobs of an owner in a class have not ended. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn usage(&self, owner: &str, class: Class) -> Result<Load, Error> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.inner.keys.tenant(&tenant(class, owner))).arg("queued").arg("running");
        let (queued, running): (Option<u64>, Option<u64>) = self.inner.connections.command(&command).await?;
        Ok(Load { queued: queued.unwrap_or(0), running: running.unwrap_or(0) })
    }

    /// The lanes in which jobs wait, also those that no live worker covers. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn lanes(&self) -> Result<Vec<LaneStatus>, Error> {
        let call = self.call(&self.inner.scripts.status);
        type Answer = Vec<(String, String, u64, u64, u8, u32)>;
        let found: Answer = self.inner.connections.script(&call).await?;
        let lane = |(class, lane, queued, ms, has_worker, slots): (String, String, u64, u64, u8, u32)| {
            let class = Class::ALL.into_iter().find(|known| known.as_str() == class)?;
            let waiting_for = Duration::from_millis(ms);
            Some(LaneStatus { class, lane, queued, waiting_for, has_worker: has_worker != 0, slots })
        };
        Ok(found.into_iter().filter_map(lane).collect())
    }

    /// What happened so far, in all processes together. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn counters(&self) -> Result<Counters, Error> {
        const NAMES: [&str; 9] =
            ["fenced", "reclaimed", "succeeded", "failed", "cancelled", "repeated", "attached", "cached", "missed"];
        let command = redis::cmd("HMGET").arg(self.inner.keys.numbers()).arg(&NAMES[..]).to_owned();
        let counts: Vec<Option<u64>> = self.inner.connections.command(&command).await?;
        let counts: HashMap<&str, u64> =
            NAMES.into_iter().zip(counts.into_iter().map(Option::unwrap_or_default)).collect();
        let count = |name| counts.get(name).copied().unwrap_or(0);
        Ok(Counters {
            fenced: count("fenced"),
            reclaimed: count("reclaimed"),
            succeeded: count("succeeded"),
            failed: count("failed"),
            cancelled: count("cancelled"),
            repeated: count("repeated"),
            attached: count("attached"),
            cached: count("cached"),
            missed: count("missed"),
        })
    }
}

/// The fields of the load: queued and running for each class.
fn load_fields() -> Vec<String> {
    let fields = |class: Class| ["queued", "running"].map(|what| format!("{what}:{}", class.as_str()));
    Class::ALL.into_iter().flat_map(fields).collect()
}

//! How much there is, and how much there was.

use crate::error::Error;
use crate::queue::Queue;
use crate::submit::tenant;
use domain::Class;
use std::collections::HashMap;

const CLASSES: [Class; 3] = [Class::Agent, Class::User, Class::Test];

/// How much there is to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Jobs that wait, those that wait for a retry included.
    pub queued: u64,
    /// Jobs that are with a worker.
    pub running: u64,
    /// Dead letters.
    pub dead: u64,
}

/// How many jobs there are that have not ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Jobs that wait, those that wait for a retry included.
    pub queued: u64,
    /// Jobs that are with a worker.
    pub running: u64,
}

/// What happened since the queue's keys were made. These only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Writes of workers that no longer held their job, refused.
    pub fenced: u64,
    /// Leases that ran out and were taken back.
    pub reclaimed: u64,
    /// Jobs that succeeded.
    pub succeeded: u64,
    /// Jobs that failed.
    pub failed: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
    /// Submissions that were told of a job with the same id.
    pub repeated: u64,
    /// Submissions that were answered with a job of the same thing that waited or ran.
    pub attached: u64,
    /// Submissions that were answered with a job of the same thing that had succeeded.
    pub cached: u64,
    /// Submissions for which such a job was looked for and not found.
    pub missed: u64,
}

impl Queue {
    /// How much there is to do, in all classes together. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn depth(&self) -> Result<Depth, Error> {
        let keys = &self.inner.keys;
        let mut pipeline = redis::pipe();
        pipeline.hgetall(keys.load()).cmd("XLEN").arg(keys.dead());
        let (load, dead): (HashMap<String, u64>, u64) = self.inner.connections.pipeline(&pipeline).await?;
        let sum = |what| CLASSES.iter().map(|class| of(&load, what, *class)).sum();
        Ok(Depth { queued: sum("queued"), running: sum("running"), dead })
    }

    /// How many jobs of each class there are that have not ended. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn load(&self) -> Result<[(Class, Load); 3], Error> {
        let command = redis::cmd("HGETALL").arg(self.inner.keys.load()).to_owned();
        let load: HashMap<String, u64> = self.inner.connections.command(&command).await?;
        let of_class = |class| Load { queued: of(&load, "queued", class), running: of(&load, "running", class) };
        Ok(CLASSES.map(|class| (class, of_class(class))))
    }

    /// How many jobs of an owner there are in a class that have not ended. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn usage(&self, owner: &str, class: Class) -> Result<Load, Error> {
        let mut command = redis::cmd("HMGET");
        command.arg(self.inner.keys.tenant(&tenant(class, owner))).arg("queued").arg("running");
        let (queued, running): (Option<u64>, Option<u64>) = self.inner.connections.command(&command).await?;
        Ok(Load { queued: queued.unwrap_or(0), running: running.unwrap_or(0) })
    }

    /// When the oldest job that has not ended was submitted, milliseconds since the Unix epoch by its submitter's clock;
    /// `None` when all have ended. What a job needs is not to be removed before that. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn oldest_open(&self) -> Result<Option<u64>, Error> {
        let mut command = redis::cmd("ZRANGE");
        command.arg(self.inner.keys.open()).arg(0).arg(0).arg("WITHSCORES");
        let oldest: Vec<(String, f64)> = self.inner.connections.command(&command).await?;
        Ok(oldest.first().map(|(_, submitted)| *submitted as u64))
    }

    /// What happened so far, in all processes together. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn counters(&self) -> Result<Counters, Error> {
        let command = redis::cmd("HGETALL").arg(self.inner.keys.counters()).to_owned();
        let counts: HashMap<String, u64> = self.inner.connections.command(&command).await?;
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

fn of(load: &HashMap<String, u64>, what: &str, class: Class) -> u64 {
    load.get(&format!("{what}:{}", class.as_str())).copied().unwrap_or(0)
}

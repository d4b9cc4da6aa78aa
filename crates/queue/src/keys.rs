//! The keys that are used outside of scripts; `prelude.lua` names all of them.

use domain::JobId;

/// The keys under one prefix. All carry the hash tag `{queue}`, so that a cluster keeps them on one node and a script
/// may touch them all.
#[derive(Debug)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        Self { prefix: format!("{prefix}:{{queue}}:") }
    }

    /// What all keys begin with.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn job(&self, id: JobId) -> String {
        self.key(&format!("job:{id}"))
    }

    pub(crate) fn events(&self, id: JobId) -> String {
        self.key(&format!("events:{id}"))
    }

    /// The job whose events a channel announces.
    pub(crate) fn job_of_channel(&self, channel: &str) -> Option<JobId> {
        channel.strip_prefix(&self.prefix)?.strip_prefix("events:")?.parse().ok()
    }

    pub(crate) fn tenant(&self, tenant: &str) -> String {
        self.key(&format!("tenant:{tenant}"))
    }

    /// All jobs that have not ended, by the time of their submission.
    pub(crate) fn open(&self) -> String {
        self.key("open")
    }

    /// Numbers of queued and running jobs by class.
    pub(crate) fn load(&self) -> String {
        self.key("load")
    }

    pub(crate) fn dead(&self) -> String {
        self.key("dead")
    }

    /// The stream of domain events.
    pub(crate) fn outbox(&self) -> String {
        self.key("outbox")
    }

    pub(crate) fn counters(&self) -> String {
        self.key("counters")
    }

    pub(crate) fn workers(&self) -> String {
        self.key("workers")
    }

    /// The stream that wakes workers, those of test jobs or all others.
    pub(crate) fn wake(&self, is_test: bool) -> String {
        self.key(if is_test { "wake:test" } else { "wake:made" })
    }
}

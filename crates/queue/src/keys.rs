//! The keys that are used outside of scripts; `prelude.lua` names all of them.

use domain::JobId;

/// The keys under one prefix. All carry the hash tag `{queue}`, so that one node of a cluster holds them.
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

    /// A glob pattern for the hashes of all jobs.
    pub(crate) fn any_job(&self) -> String {
        let mut pattern = String::new();
        for character in self.prefix.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern + "job:*"
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

    /// Written only by versions before lanes: the jobs that have not ended.
    pub(crate) fn old_open(&self) -> String {
        self.key("open")
    }

    /// Counters, clocks and loads.
    pub(crate) fn numbers(&self) -> String {
        self.key("numbers")
    }

    pub(crate) fn dead(&self) -> String {
        self.key("dead")
    }

    /// The stream of domain events.
    pub(crate) fn outbox(&self) -> String {
        self.key("outbox")
    }

    pub(crate) fn workers(&self) -> String {
        self.key("workers")
    }

    /// The times until which workers count as alive.
    pub(crate) fn alive(&self) -> String {
        self.key("alive")
    }

    /// Holds a token when a worker of the pool should look for jobs.
    pub(crate) fn wake(&self, pool: &str) -> String {
        self.key(&format!("wake:{pool}"))
    }
}

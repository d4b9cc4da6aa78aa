//! Every key of the queue, and nothing else knows them.

use domain::JobId;

/// How many lanes there are. They are emptied in order; a further priority is one more key here and one more in
/// `prelude.lua`.
pub(crate) const LANES: usize = 2;

/// The keys under one prefix. All carry the hash tag `{queue}`, so that a cluster keeps them on one node and a script
/// may touch them all.
#[derive(Debug)]
pub(crate) struct Keys {
    fixed: [String; 9 + LANES],
}

impl Keys {
    pub(crate) fn new(prefix: &str) -> Self {
        let key = |name: &str| format!("{prefix}:{{queue}}:{name}");
        Self {
            fixed: [
                // Prefix of a job's hash; see the head of the crate for its fields.
                key("job:"),
                // Prefix of a job's event stream, and of the channel that announces its events.
                key("events:"),
                // Sorted set of the jobs that wait in a lane, by lane and arrival: a rank is a place in line.
                key("waiting"),
                // Sorted set of the jobs that wait for a retry, by the time when they are due.
                key("delayed"),
                // Sorted set of the running jobs, by the time when their lease runs out.
                key("leases"),
                // Stream of dead letters.
                key("dead"),
                // Hash of counters that only grow.
                key("counters"),
                // Hash: which run of the Redis server it is, and until when leases that ran out are spared.
                key("server"),
                // Hash: what each worker was handed last, in case that it did not hear of it.
                key("handed"),
                // Stream: the lane of jobs that have been in a worker's hands and came back. They have waited once.
                key("lane:returned"),
                // Stream: the lane of everything else.
                key("lane:standard"),
            ],
        }
    }

    /// All keys, in the order in which `prelude.lua` names them.
    pub(crate) fn all(&self) -> &[String] {
        &self.fixed
    }

    pub(crate) fn job(&self, id: JobId) -> String {
        format!("{}{id}", self.fixed[0])
    }

    pub(crate) fn events(&self, id: JobId) -> String {
        format!("{}{id}", self.fixed[1])
    }

    /// The job whose events a channel announces.
    pub(crate) fn job_of_channel(&self, channel: &str) -> Option<JobId> {
        channel.strip_prefix(&self.fixed[1])?.parse().ok()
    }

    pub(crate) fn waiting(&self) -> &str {
        &self.fixed[2]
    }

    pub(crate) fn delayed(&self) -> &str {
        &self.fixed[3]
    }

    pub(crate) fn leases(&self) -> &str {
        &self.fixed[4]
    }

    pub(crate) fn dead(&self) -> &str {
        &self.fixed[5]
    }

    pub(crate) fn counters(&self) -> &str {
        &self.fixed[6]
    }

    pub(crate) fn lanes(&self) -> &[String] {
        &self.fixed[9..]
    }
}

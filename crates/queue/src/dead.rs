//! Dead letters: jobs that used up their attempts, kept so that somebody can look at them and try again.

use crate::error::Error;
use crate::queue::Queue;
use crate::submit::{retry_after, tenant};
use domain::{Failure, Job, JobId};
use redis::streams::StreamRangeReply;

/// A job that used up its attempts.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The letter's own id, by which it is redriven.
    pub id: String,
    /// The job as it was submitted.
    pub job: Job,
    /// The last attempt's failure.
    pub failure: Failure,
    /// How many attempts there were.
    pub attempts: u32,
    /// The last attempt's worker.
    pub worker: String,
    /// When it was given up, milliseconds since the Unix epoch.
    pub at_ms: u64,
}

impl Queue {
    /// The latest `count` dead letters, the latest first. They are kept until redriven or until there are some 10,000
    /// later ones; a job's own retention does not touch them. One round trip.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn dead_letters(&self, count: usize) -> Result<Vec<DeadLetter>, Error> {
        let mut command = redis::cmd("XREVRANGE");
        command.arg(self.inner.keys.dead()).arg("+").arg("-").arg("COUNT").arg(count);
        self.letters(&command).await
    }

    /// Submits a dead letter's job once more, as a new job: the one that failed stays failed. The letter is gone after
    /// that. Returns the new job's id. Two round trips.
    ///
    /// # Errors
    /// [`Error::UnknownLetter`], [`Error::Full`], [`Error::Unavailable`].
    pub async fn redrive(&self, letter: &str) -> Result<JobId, Error> {
        let unknown = || Error::UnknownLetter(letter.to_owned());
        // Redis takes more than full ids here, such as `-` and `+`.
        let is_id = letter.split_once('-').is_some_and(|(ms, n)| ms.parse::<u64>().is_ok() && n.parse::<u64>().is_ok());
        if !is_id {
            return Err(unknown());
        }
        let mut command = redis::cmd("XRANGE");
        command.arg(self.inner.keys.dead()).arg(letter).arg(letter);
        let found = self.letters(&command).await?.pop().ok_or_else(unknown)?;

        let job = Job { id: JobId::new(), batch: None, ..found.job };
        let json = serde_json::to_string(&job).map_err(Error::corrupt("a job to be written"))?;
        let mut call = self.call(&self.inner.scripts.redrive);
        call.arg(letter).arg(job.id.to_string()).arg(tenant(job.class, &job.owner)).arg(json);
        call.arg(job.submitted_ms).arg(self.inner.max_depth);
        let (word, depth, wait): (String, u64, u64) = self.inner.connections.script(&call).await?;
        match word.as_str() {
            "ok" => Ok(job.id),
            "full" => Err(Error::Full { class: job.class, depth, retry_after: retry_after(wait) }),
            _ => Err(unknown()),
        }
    }

    async fn letters(&self, command: &redis::Cmd) -> Result<Vec<DeadLetter>, Error> {
        let reply: StreamRangeReply = self.inner.connections.command(command).await?;
        let letter = |entry: redis::streams::StreamId| {
            let corrupt = || Error::Corrupt { what: "a dead letter", source: None };
            let field = |name| entry.get::<String>(name).ok_or_else(corrupt);
            Ok(DeadLetter {
                job: serde_json::from_str(&field("job")?).map_err(Error::corrupt("a dead letter's job"))?,
                failure: serde_json::from_str(&field("failure")?).map_err(Error::corrupt("a dead letter's failure"))?,
                attempts: entry.get("attempts").ok_or_else(corrupt)?,
                worker: field("worker")?,
                at_ms: entry.get("at").ok_or_else(corrupt)?,
                id: entry.id,
            })
        };
        reply.ids.into_iter().map(letter).collect()
    }
}

//! Dead letters: jobs that used up their attempts, kept for inspection and another try.

use crate::entry::parse_job;
use crate::error::Error;
use crate::queue::Queue;
use crate::submit::{retry_after, tenant};
use domain::{Failure, Job, JobId};
use redis::streams::{StreamId, StreamRangeReply};

/// A job that used up its attempts, or that no worker could read.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadLetter {
    /// The id of the letter, by which it is redriven.
    pub id: String,
    /// The job as it was submitted, or why this version cannot read it.
    pub job: Result<Job, String>,
    /// The failure of the last attempt.
    pub failure: Option<Failure>,
    /// How many attempts there were.
    pub attempts: u32,
    /// The worker of the last attempt.
    pub worker: String,
    /// When the job failed, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The lane in which it waited.
    lane: String,
}

impl Queue {
    /// Up to `count` dead letters, latest first, before the letter of the id `before`. They are kept until redriven or
    /// discarded, or until there are about 10,000 later ones; the retention of jobs does not matter, and their images
    /// are kept with them (see [`visit_blob_references`](Self::visit_blob_references)). One round trip.
    ///
    /// # Errors
    /// [`Error::UnknownLetter`] when `before` is not the id of a letter, [`Error::Unavailable`].
    pub async fn dead_letters(&self, before: Option<&str>, count: usize) -> Result<Vec<DeadLetter>, Error> {
        let end = match before.map(checked).transpose()? {
            // No entry is before it, and Redis refuses to look there.
            Some(first) if first == "0-0" => return Ok(Vec::new()),
            Some(before) => format!("({before}"),
            None => "+".to_owned(),
        };
        let mut command = redis::cmd("XREVRANGE");
        command.arg(self.inner.keys.dead()).arg(end).arg("-").arg("COUNT").arg(count);
        let reply: StreamRangeReply = self.inner.connections.command(&command).await?;
        Ok(reply.ids.into_iter().map(letter).collect())
    }

    /// Submits the job of a dead letter as a new job, from its first step: the one that failed stays failed. The letter
    /// is deleted. Returns the id of the new job. Two round trips.
    ///
    /// # Errors
    /// [`Error::UnknownLetter`], [`Error::Full`], [`Error::TooManyLanes`], [`Error::UnreadableLetter`], [`Error::Unavailable`].
    pub async fn redrive(&self, letter_id: &str) -> Result<JobId, Error> {
        let unknown = || Error::UnknownLetter(letter_id.to_owned());
        let letter_id = &checked(letter_id)?;
        let mut command = redis::cmd("XRANGE");
        command.arg(self.inner.keys.dead()).arg(letter_id).arg(letter_id);
        let mut reply: StreamRangeReply = self.inner.connections.command(&command).await?;
        let found = reply.ids.pop().map(letter).ok_or_else(unknown)?;

        let failed = found.job.map_err(|reason| Error::UnreadableLetter { letter: found.id, reason })?;
        let job = Job { id: JobId::new(), batch: None, ..failed };
        let json = serde_json::to_string(&job).map_err(Error::corrupt("a job to be written"))?;
        let mut call = self.call(&self.inner.scripts.redrive);
        call.arg(letter_id).arg(job.id.to_string()).arg(tenant(job.class, &job.owner)).arg(json);
        call.arg(&found.lane).arg(self.inner.max_depth);
        let (word, there, wait): (String, u64, u64) = self.inner.connections.script(&call).await?;
        match word.as_str() {
            "ok" => Ok(job.id),
            "full" => Err(Error::Full { class: job.class, depth: there, retry_after: retry_after(wait) }),
            "lanes" => Err(Error::TooManyLanes { lanes: there, retry_after: retry_after(wait) }),
            _ => Err(unknown()),
        }
    }

    /// Deletes a dead letter. One round trip.
    ///
    /// # Errors
    /// [`Error::UnknownLetter`], [`Error::Unavailable`].
    pub async fn discard(&self, letter_id: &str) -> Result<(), Error> {
        let command = redis::cmd("XDEL").arg(self.inner.keys.dead()).arg(checked(letter_id)?).to_owned();
        match self.inner.connections.command::<u64>(&command).await? {
            0 => Err(Error::UnknownLetter(letter_id.to_owned())),
            _ => Ok(()),
        }
    }
}

/// The id in canonical form, if it is a whole one: Redis takes others here, such as `-` and `+`.
fn checked(letter: &str) -> Result<String, Error> {
    let parsed = letter.split_once('-').and_then(|(ms, n)| Some((ms.parse::<u64>().ok()?, n.parse::<u64>().ok()?)));
    parsed.map(|(ms, n)| format!("{ms}-{n}")).ok_or_else(|| Error::UnknownLetter(letter.to_owned()))
}

fn letter(entry: StreamId) -> DeadLetter {
    let field = |name| entry.get::<String>(name).unwrap_or_default();
    DeadLetter {
        job: parse_job(&field("job")),
        failure: serde_json::from_str(&field("failure")).ok(),
        attempts: entry.get("attempts").unwrap_or_default(),
        worker: field("worker"),
        at_ms: entry.get("at").unwrap_or_default(),
        lane: field("lane"),
        id: entry.id,
    }
}

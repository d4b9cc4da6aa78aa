//! The blobs that jobs and dead letters refer to, for garbage collection.

use crate::entry::parse_state;
use crate::error::Error;
use crate::queue::Queue;
use domain::{BlobId, JobState};
use redis::streams::StreamRangeReply;

/// Keys that one step of a scan looks at, about.
const SCAN: usize = 1000;
/// Dead letters that are read at once.
const LETTERS: usize = 200;
/// Characters of the id of a blob.
const DIGITS: usize = 64;

impl Queue {
    /// Calls `visit` for every blob that a job or a dead letter refers to, some of them several times: the images of
    /// jobs that have not ended, the artifacts of jobs whose retention is not over (and of those that answer from the
    /// cache), and the images of dead letters. A job that is submitted meanwhile may be missing; its blobs have been
    /// put meanwhile.
    ///
    /// It works in bounded steps, of two round trips each, and holds no more than one step in memory. Records that this
    /// version cannot read count as well.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: not all references were visited, and nothing may be concluded from those that were.
    pub async fn visit_blob_references(&self, mut visit: impl FnMut(BlobId)) -> Result<(), Error> {
        let (connections, keys) = (&self.inner.connections, &self.inner.keys);
        let mut cursor = 0_u64;
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(cursor).arg("MATCH").arg(keys.any_job()).arg("COUNT").arg(SCAN);
            let (next, jobs): (u64, Vec<String>) = connections.command(&scan).await?;
            let mut pipeline = redis::pipe();
            for job in &jobs {
                pipeline.cmd("HMGET").arg(job).arg("state").arg("job").arg("artifacts").arg("result");
            }
            if !jobs.is_empty() {
                let found: Vec<Vec<Option<String>>> = connections.pipeline(&pipeline).await?;
                for fields in &found {
                    let state = fields.first().and_then(|state| parse_state(state.as_deref()?).ok());
                    // The images of a job are not needed after its end.
                    let from = if state.is_some_and(JobState::is_terminal) { 2 } else { 1 };
                    fields.iter().skip(from).flatten().for_each(|json| blobs_in(json, &mut visit));
                }
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        let mut after = "-".to_owned();
        loop {
            let mut range = redis::cmd("XRANGE");
            range.arg(keys.dead()).arg(&after).arg("+").arg("COUNT").arg(LETTERS);
            let letters: StreamRangeReply = connections.command(&range).await?;
            for letter in &letters.ids {
                blobs_in(&letter.get::<String>("job").unwrap_or_default(), &mut visit);
            }
            match letters.ids.last() {
                Some(last) if letters.ids.len() == LETTERS => after = format!("({}", last.id),
                _ => return Ok(()),
            }
        }
    }
}

/// Everything in the text that can be the id of a blob. Reading the text as a record would miss fields of a newer
/// version.
fn blobs_in(json: &str, visit: &mut impl FnMut(BlobId)) {
    json.split('"').filter(|part| part.len() == DIGITS).filter_map(|part| part.parse().ok()).for_each(visit);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_found_in_fields_of_any_name() {
        let (a, b) = ("a".repeat(64), "0".repeat(64));
        let json =
            format!(r#"{{"spec":{{"kind":"texture","mesh":"{a}"}},"next":[["{b}"]],"note":"{}"}}"#, "z".repeat(64));
        let mut found = Vec::new();
        blobs_in(&json, &mut |blob| found.push(blob.to_string()));
        assert_eq!(found, [a, b]);
    }
}

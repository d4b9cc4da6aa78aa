//! Following a job to its end, across broken connections.

use super::api::{Api, JobStatus};
use super::events::EventReader;
use crate::Error;
use anyhow::Context;
use domain::JobState;
use std::io::Read;
use std::time::{Duration, Instant};

/// How long the status service may be unreachable before the program gives up. The job goes on meanwhile.
const GIVE_UP_AFTER: Duration = Duration::from_secs(120);

/// Follows the job until it has ended, showing its state, and returns the last one. A stream that breaks off is opened
/// again behind the last event that arrived.
pub(super) fn follow(api: &Api, id: &str, mut show: impl FnMut(&JobStatus)) -> Result<JobStatus, Error> {
    let mut last_event = None;
    let mut last_read = Instant::now();
    loop {
        match listen(api, id, &mut last_event, &mut last_read, &mut show) {
            Ok(Some(end)) => return Ok(end),
            // The stream broke off, or the service is stopping.
            Ok(None) => {}
            Err(Error::Unavailable(_)) if last_read.elapsed() < GIVE_UP_AFTER => {}
            Err(error) => return Err(error),
        }
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// Reads one stream until it ends; the job's last state when that was the end of the job.
fn listen(
    api: &Api,
    id: &str,
    last_event: &mut Option<String>,
    last_read: &mut Instant,
    show: &mut impl FnMut(&JobStatus),
) -> Result<Option<JobStatus>, Error> {
    let Some(response) = api.events(id, last_event.as_deref())? else {
        // No more events can come: the job's record has the outcome.
        return Ok(Some(status(api, id)?));
    };
    let mut stream = response.into_body().into_with_config().limit(u64::MAX).reader();
    let mut reader = EventReader::default();
    let mut buffer = vec![0; 64 << 10];
    let mut is_queued = true;
    loop {
        let length = match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return Ok(None),
            Ok(length) => length,
        };
        *last_read = Instant::now();
        let events = reader.read(&buffer[..length]);
        if events.is_empty() && is_queued {
            // A comment that keeps the connection open. No event announces a new position, or that the last worker left.
            show(&status(api, id)?);
        }
        for event in events {
            match event.name.as_str() {
                "snapshot" | "state" | "progress" => {}
                // The service cannot go on with this stream; it may with another.
                "error" => return Ok(None),
                _ => continue,
            }
            let job: JobStatus = serde_json::from_str(&event.data).context("an event of the job cannot be read")?;
            if event.id.is_some() {
                last_event.clone_from(&event.id);
            }
            is_queued = job.status == JobState::Queued;
            // The events that led to a snapshot follow it; showing it would move the bar back. But only a snapshot has
            // the position in the queue.
            if event.name != "snapshot" || is_queued {
                show(&job);
            }
            if job.status.is_terminal() {
                return Ok(Some(job));
            }
        }
    }
}

fn status(api: &Api, id: &str) -> Result<JobStatus, Error> {
    Ok(serde_json::from_value(api.job(id)?).context("the job's record cannot be read")?)
}

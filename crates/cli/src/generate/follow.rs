//! Following a job to its end, through whatever happens to the line.

use super::api::{Api, Standing};
use super::events::EventReader;
use crate::Error;
use anyhow::Context;
use std::time::{Duration, Instant};

/// How long the status service may be away before we give up. The job goes on meanwhile.
const LONGEST_SILENCE: Duration = Duration::from_secs(60);

/// The service sends a comment every 15 seconds or so; a line that is silent for longer is dead.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Follows the job until it has ended, showing where it stands, and returns how it ended. A stream that breaks off is
/// opened again behind the last event that came.
pub(super) async fn follow(api: &Api, id: &str, mut show: impl FnMut(&Standing)) -> Result<Standing, Error> {
    let mut last = None;
    let mut heard = Instant::now();
    loop {
        match listen(api, id, &mut last, &mut heard, &mut show).await {
            Ok(Some(end)) => return Ok(end),
            // It broke off, or the service is stopping.
            Ok(None) => {}
            Err(error @ Error::Unavailable(_)) => {
                if heard.elapsed() > LONGEST_SILENCE {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Listens to one stream until it ends.
async fn listen(
    api: &Api,
    id: &str,
    last: &mut Option<String>,
    heard: &mut Instant,
    show: &mut impl FnMut(&Standing),
) -> Result<Option<Standing>, Error> {
    let Some(mut stream) = api.events(id, last.as_deref()).await? else {
        // No more events can come, so the job says how it ended.
        let job = api.job(id).await?;
        return Ok(Some(serde_json::from_value(job).context("the job's record cannot be read")?));
    };
    let mut reader = EventReader::default();
    loop {
        let piece = match tokio::time::timeout(LONGEST_PAUSE, stream.chunk()).await {
            Ok(Ok(Some(piece))) => piece,
            Ok(Ok(None) | Err(_)) | Err(_) => return Ok(None),
        };
        *heard = Instant::now();
        for event in reader.read(&piece) {
            match event.name.as_str() {
                "snapshot" | "state" | "progress" => {}
                // The service cannot go on; it may when asked again.
                "error" => return Ok(None),
                _ => continue,
            }
            let standing: Standing = serde_json::from_str(&event.data).context("an event of the job cannot be read")?;
            if event.id.is_some() {
                last.clone_from(&event.id);
            }
            // The events that led to a snapshot come right after it; shown, it would only be taken back. But nothing
            // else tells the place in line.
            if event.name != "snapshot" || standing.position.is_some() {
                show(&standing);
            }
            if standing.status.is_terminal() {
                return Ok(Some(standing));
            }
        }
    }
}

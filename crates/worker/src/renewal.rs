//! Renewing a lease and reporting progress while a job runs.

use crate::failure;
use crate::job::Ending;
use domain::Progress;
use queue::{Lease, Renewal};
use std::time::Duration;
use telemetry::names;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

/// The least time between two writes: more frequent progress is not visible, and loads Redis.
const APART: Duration = Duration::from_millis(50);

/// The longest pause before a renewal that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Renews the lease each `every` and writes the latest progress, and returns when the attempt is to be
/// abandoned: the owner cancelled the job, or another worker holds it.
///
/// While Redis cannot be reached the job goes on. When Redis is back, the lease is renewed, or found lost if another worker
/// has leased the job.
pub(crate) async fn renew_lease(
    lease: &Lease,
    every: Duration,
    mut progress: watch::Receiver<Option<Progress>>,
) -> Ending {
    let mut renew_at = Instant::now() + every;
    let mut is_outage = false;
    loop {
        let has_news = tokio::select! {
            () = sleep_until(renew_at) => false,
            Ok(()) = progress.changed(), if !is_outage => true,
        };
        // A renewal that is due carries the progress as well.
        let news = if has_news || is_outage { progress.borrow_and_update().clone() } else { None };
        let renewed = match &news {
            Some(progress) => lease.progress(progress).await,
            None => lease.renew().await,
        };
        match renewed {
            Ok(Renewal::Held) => {
                if is_outage {
                    tracing::info!("the lease is renewed again");
                }
                is_outage = false;
                metrics::counter!(names::LEASE_RENEWED).increment(1);
                renew_at = Instant::now() + every;
            }
            Ok(Renewal::Cancelled) => return Ending::Cancelled,
            Err(queue::Error::Lost { .. }) => return Ending::Lost,
            Err(error) => {
                if !is_outage {
                    tracing::warn!(error = failure::chain(&error), "the lease cannot be renewed; the job goes on");
                }
                is_outage = true;
                renew_at = Instant::now() + every.min(RETRY);
            }
        }
        sleep(APART).await;
    }
}

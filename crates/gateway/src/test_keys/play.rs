//! One job of a test key, from its lease to its end.

use super::canned;
use blobs::Blobs;
use domain::{Failure, Progress, StageInfo, StageTiming};
use http_api::scenario::Scenario;
use queue::{Error, Lease, Renewal};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Denoising steps when none are asked for.
pub(super) const USUAL_STEPS: u32 = 20;

/// The time that a job takes.
const QUICK: Duration = Duration::from_millis(800);
const SLOW: Duration = Duration::from_secs(30);
/// Even a job that never ends must end.
const NEVER: Duration = Duration::from_secs(600);
/// Progress is told no more often than this.
const TICK: Duration = Duration::from_millis(100);

/// The stages that a job goes through, with their weights.
const STAGES: [(&str, f64); 6] =
    [("preprocess", 2.0), ("encode", 3.0), ("denoise", 55.0), ("decode", 30.0), ("surface", 7.0), ("export", 3.0)];

/// How a play ended.
enum Ending {
    Made,
    Failed(Failure),
    Cancelled,
    HandBack,
}

/// Plays a job as its scenario says.
pub(super) async fn play(lease: Lease, blobs: &Blobs, shutdown: &CancellationToken) -> Result<(), Error> {
    // What another version wrote and this one does not know succeeds: it is the usual thing.
    let scenario = lease.job().scenario.as_deref().and_then(|text| text.parse().ok()).unwrap_or(Scenario::Success);
    let begun = Instant::now();
    let ending = tokio::select! {
        biased;
        () = shutdown.cancelled() => Ok(Ending::HandBack),
        ending = act(&lease, scenario) => ending,
    };
    match ending? {
        Ending::Made => {
            let timings = vec![StageTiming { stage: "denoise".to_owned(), seconds: begun.elapsed().as_secs_f64() }];
            match canned::result(lease.job(), blobs, timings).await {
                Ok(result) => lease.succeed(&result).await,
                Err(error) => {
                    tracing::warn!(%error, "a canned mesh could not be stored");
                    lease.fail(&failure("internal", "Something went wrong on our side.", true)).await.map(drop)
                }
            }
        }
        Ending::Failed(failure) => lease.fail(&failure).await.map(drop),
        Ending::Cancelled => lease.cancelled().await,
        Ending::HandBack => lease.release().await,
    }
}

async fn act(lease: &Lease, scenario: Scenario) -> Result<Ending, Error> {
    let cancelled = match scenario {
        Scenario::Success | Scenario::Retry | Scenario::Fail(_) => run(lease, QUICK).await?,
        Scenario::Slow => run(lease, SLOW).await?,
        Scenario::Never => run(lease, NEVER).await?,
    };
    if cancelled {
        return Ok(Ending::Cancelled);
    }
    Ok(match scenario {
        Scenario::Retry if lease.attempt() == 1 => {
            Ending::Failed(failure("device_error", "While the shape was made, the device failed.", true))
        }
        Scenario::Never => Ending::Failed(failure("device_error", "It never ended.", false)),
        Scenario::Fail(code) => Ending::Failed(code.failure()),
        Scenario::Success | Scenario::Slow | Scenario::Retry => Ending::Made,
    })
}

/// Goes through all stages in this time. Returns whether the job was cancelled on the way.
async fn run(lease: &Lease, time: Duration) -> Result<bool, Error> {
    let stages = STAGES.map(|(name, weight)| StageInfo::new(name, weight));
    let fraction = |stage: &str, share: f64| StageInfo::fraction(&stages, stage, share);
    for stage in ["preprocess", "encode"] {
        if tell(lease, Progress::stage(stage).with_fraction(fraction(stage, 0.0))).await? {
            return Ok(true);
        }
    }
    let steps = lease.job().parameters().and_then(|parameters| parameters.steps).unwrap_or(USUAL_STEPS).max(1);
    let (begun, ticks) = (Instant::now(), (time.as_millis() / TICK.as_millis()).max(1));
    for tick in 0..=ticks {
        let step = u32::try_from(u128::from(steps) * tick / ticks).unwrap_or(steps);
        if tell(
            lease,
            Progress::steps("denoise", step, steps)
                .with_fraction(fraction("denoise", f64::from(step) / f64::from(steps))),
        )
        .await?
        {
            return Ok(true);
        }
        let next = begun + TICK * u32::try_from(tick + 1).unwrap_or(u32::MAX);
        sleep(next.saturating_duration_since(Instant::now())).await;
    }
    for stage in ["decode", "surface", "export"] {
        if tell(lease, Progress::stage(stage).with_fraction(fraction(stage, 0.0))).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Tells where the job stands, and learns whether it is still wanted.
async fn tell(lease: &Lease, progress: Progress) -> Result<bool, Error> {
    Ok(lease.progress(&progress).await? == Renewal::Cancelled)
}

fn failure(code: &str, detail: &str, retryable: bool) -> Failure {
    Failure { code: code.to_owned(), detail: detail.to_owned(), retryable }
}

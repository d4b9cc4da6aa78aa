//! The simulation of one job of a test key, from its lease to its end.

use super::canned::{self, DEFAULT_STEPS};
use blobs::Blobs;
use domain::{Failure, FailureCode, Progress, StageInfo, StageTiming};
use http_api::scenario::Scenario;
use queue::{Error, Lease, Renewal};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// The run time of a job, by scenario.
const QUICK: Duration = Duration::from_millis(800);
const SLOW: Duration = Duration::from_secs(30);
/// The job of the scenario `never` ends after this time.
const NEVER: Duration = Duration::from_secs(600);
/// Interval between reports of progress.
const TICK: Duration = Duration::from_millis(100);

/// The stages that a job goes through, with their weights.
const STAGES: [(&str, f64); 6] =
    [("preprocess", 2.0), ("encode", 3.0), ("denoise", 55.0), ("decode", 30.0), ("surface", 7.0), ("export", 3.0)];

/// The end of a simulation.
enum Ending {
    Made,
    Failed(Failure),
    Cancelled,
    HandBack,
}

/// Simulates a job as its scenario says.
pub(super) async fn simulate(lease: Lease, blobs: &Blobs, shutdown: &CancellationToken) -> Result<(), Error> {
    // A scenario of another version that is not known here succeeds.
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
                    lease.fail(&FailureCode::Internal.failure()).await.map(drop)
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
        Scenario::Retry if lease.attempt() == 1 => Ending::Failed(FailureCode::DeviceError.failure()),
        Scenario::Never => Ending::Failed(Failure {
            retryable: false,
            ..FailureCode::DeviceError.with_detail("The simulated job did not end in time.")
        }),
        Scenario::Fail(code) => Ending::Failed(code.failure()),
        Scenario::Success | Scenario::Slow | Scenario::Retry => Ending::Made,
    })
}

/// Goes through all stages in this time. Returns whether the job was cancelled on the way.
async fn run(lease: &Lease, time: Duration) -> Result<bool, Error> {
    let stages = STAGES.map(|(name, weight)| StageInfo::new(name, weight));
    let fraction = |stage: &str, share: f64| StageInfo::fraction(&stages, stage, share);
    for stage in ["preprocess", "encode"] {
        if report(lease, Progress::stage(stage).with_fraction(fraction(stage, 0.0))).await? {
            return Ok(true);
        }
    }
    let steps = lease.job().parameters().and_then(|parameters| parameters.steps).unwrap_or(DEFAULT_STEPS).max(1);
    let (begun, ticks) = (Instant::now(), (time.as_millis() / TICK.as_millis()).max(1));
    for tick in 0..=ticks {
        let step = u32::try_from(u128::from(steps) * tick / ticks).unwrap_or(steps);
        if report(
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
        if report(lease, Progress::stage(stage).with_fraction(fraction(stage, 0.0))).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reports progress. Returns whether the job was cancelled.
async fn report(lease: &Lease, progress: Progress) -> Result<bool, Error> {
    Ok(lease.progress(&progress).await? == Renewal::Cancelled)
}

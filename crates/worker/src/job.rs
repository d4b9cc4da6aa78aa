//! One attempt at one job, from its lease to its end.

use crate::engine::{Decoded, EngineError, Engines, Event, Task, caught};
use crate::plan::Exclusivity;
use crate::progress::Throttle;
use crate::readings::{self, Held, Outcome};
use crate::{failure, finishing};
use blobs::Blobs;
use bytes::Bytes;
use domain::{
    Artifact, Failure, FailureCode, ImageToMesh, JobState, Progress, ResultRecord, StageInfo, StageTiming, View,
};
use image::RgbaImage;
use model::{SampleRequest, VertexMapping};
use queue::{Lease, Renewal};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

/// What every job of this worker shares.
pub(crate) struct Workshop {
    pub(crate) engines: Engines,
    pub(crate) blobs: Blobs,
    /// How many meshes are made at a time.
    pub(crate) finishers: Arc<Semaphore>,
    pub(crate) mapping: VertexMapping,
    /// The finest grid that there is memory for.
    pub(crate) finest: u32,
    pub(crate) lease: Duration,
    pub(crate) max_attempts: u32,
    /// Cancelled when there is no more time to finish anything: all leases are handed back.
    pub(crate) abort: CancellationToken,
}

/// How an attempt ended, as far as its lease is concerned.
enum Ending {
    Made(Box<ResultRecord>),
    Failed(Failure),
    Cancelled,
    Lost,
    HandBack,
}

impl From<Failure> for Ending {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Sees a job through: works on it while renewing its lease, and tells the queue how it ended. `seat` is the job's place
/// in the engine; it is given up as soon as the engine is done with it.
pub(crate) async fn attend(workshop: Arc<Workshop>, lease: Lease, seat: OwnedSemaphorePermit) {
    let job = lease.job();
    let span =
        tracing::info_span!("job", job.id = %job.id, job.attempt = lease.attempt(), outcome = tracing::field::Empty);
    if let Some(traceparent) = &job.traceparent {
        telemetry::set_parent(&span, traceparent);
    }
    async move {
        let _held = Held::new();
        if lease.attempt() == 1 {
            let waited = Duration::from_millis(now_ms().saturating_sub(lease.job().submitted_ms));
            metrics::histogram!(telemetry::names::QUEUE_WAIT_SECONDS).record(waited.as_secs_f64());
        }
        // Dropped with this block, however it ends: the engine then lets the row go.
        let ending = {
            let row = CancellationToken::new();
            let _leave = row.clone().drop_guard();
            tokio::select! {
                biased;
                ending = keep(&lease, workshop.lease) => ending,
                () = lease.cancel_requested() => Ending::Cancelled,
                () = workshop.abort.cancelled() => Ending::HandBack,
                ending = make(&workshop, &lease, seat, row) => ending.unwrap_or_else(|ending| ending),
            }
        };
        let outcome = settle(lease, ending).await;
        readings::finished(outcome);
        Span::current().record("outcome", tracing::field::debug(outcome));
    }
    .instrument(span)
    .await;
}

/// Renews the lease at a third of its length, and returns only when there is no more reason to work.
async fn keep(lease: &Lease, length: Duration) -> Ending {
    let mut held_until = Instant::now() + length;
    loop {
        tokio::time::sleep(length / 3).await;
        let asked = Instant::now();
        match lease.renew().await {
            Ok(Renewal::Held) => {
                metrics::counter!(telemetry::names::LEASE_RENEWED).increment(1);
                held_until = asked + length;
            }
            Ok(Renewal::Cancelled) => return Ending::Cancelled,
            Err(queue::Error::Lost { .. }) => return Ending::Lost,
            Err(error) => {
                tracing::warn!(error = failure::whole(&error), "the lease could not be renewed");
                if Instant::now() >= held_until {
                    return Ending::Lost; // by now another worker may have it
                }
            }
        }
    }
}

/// Makes the shape: picture → engine → mesh → blobs.
async fn make(
    workshop: &Workshop,
    lease: &Lease,
    seat: OwnedSemaphorePermit,
    row: CancellationToken,
) -> Result<Ending, Ending> {
    let job = lease.job();
    let begun_ms = now_ms();
    let spec = job.spec.image_to_mesh().ok_or_else(|| FailureCode::UnsupportedJob.failure())?;
    let parameters = &spec.parameters;
    let Some(engine) = workshop.engines.get(spec.model.as_deref()) else {
        return Err(FailureCode::UnsupportedJob.with_detail("This worker does not have the model.").into());
    };
    let info = engine.info();
    let octree_resolution = parameters.octree_resolution.unwrap_or(info.octree_resolution);
    let finest = workshop.finest.min(info.max_octree_resolution);
    if octree_resolution > finest {
        return Err(failure::grid_too_fine(octree_resolution, finest).into());
    }
    let request = SampleRequest {
        steps: parameters.steps.unwrap_or(info.steps),
        guidance_scale: parameters.guidance_scale.unwrap_or(info.guidance_scale),
        seed: parameters.seed.unwrap_or_default(),
    };
    let after = finishing::STAGES.map(|(name, weight)| StageInfo::new(name, weight));
    let stages: Vec<StageInfo> = info.stages.iter().cloned().chain(after).collect();
    tell(lease, &stages, Progress::stage("preprocess")).await?;
    let start = Instant::now();
    let images = images(&workshop.blobs, spec).await?;
    let views = images.len();
    let (preprocessor, asked) = (Arc::clone(engine.preprocessor()), request.clone());
    let input = on_cpu(tracing::info_span!("preprocess"), move || caught(|| preprocessor.preprocess(&images, &asked)));
    let input = input.await?.map_err(|error: EngineError| error.failure())?;
    let preprocess = start.elapsed().as_secs_f64();
    let (events, told) = mpsc::unbounded_channel();
    let task = Task {
        input,
        octree_resolution,
        cost: engine.preprocessor().cost(views, octree_resolution),
        exclusivity: if is_last_attempt(lease.attempt(), workshop.max_attempts) {
            Exclusivity::Exclusive
        } else {
            Exclusivity::Shared
        },
        cancelled: row,
        events,
        span: Span::current(),
    };
    if !engine.submit(task).await {
        return Err(Ending::HandBack);
    }
    let Decoded { field, timings, batch_size } = *follow(lease, &stages, told).await?;

    // Here the field waits for a free pair of hands, and keeps its seat meanwhile: the engine cannot run ahead of the
    // CPU and fill the memory with fields.
    let _hands = workshop.finishers.acquire().await.expect("nobody closes this semaphore. This is a bug.");
    drop(seat);
    tell(lease, &stages, Progress::stage("surface")).await?;
    let start = Instant::now();
    let (mapping, face_budget) = (workshop.mapping, parameters.face_budget);
    let mesh =
        on_cpu(tracing::info_span!("surface"), move || finishing::surface(field, mapping, face_budget)).await??;
    let surface = start.elapsed().as_secs_f64();

    tell(lease, &stages, Progress::stage("export")).await?;
    let start = Instant::now();
    let format = parameters.format.unwrap_or_default();
    let files = on_cpu(tracing::info_span!("export"), move || finishing::export(&mesh, format)).await??;
    let (bytes, thumbnail_bytes) = (files.mesh.len() as u64, files.thumbnail.len() as u64);
    let (mesh, thumbnail) =
        tokio::try_join!(store(&workshop.blobs, files.mesh), store(&workshop.blobs, files.thumbnail))?;

    Ok(Ending::Made(Box::new(ResultRecord {
        artifacts: vec![Artifact::mesh(mesh, format, bytes), Artifact::thumbnail(thumbnail, thumbnail_bytes)],
        format,
        quality: files.quality,
        timings: [("queue", begun_ms.saturating_sub(job.submitted_ms) as f64 / 1000.0), ("preprocess", preprocess)]
            .map(|(stage, seconds)| StageTiming::new(stage, seconds))
            .into_iter()
            .chain(timings)
            .chain([StageTiming::new("surface", surface), StageTiming::new("export", start.elapsed().as_secs_f64())])
            .collect(),
        model: info.name.clone(),
        model_digest: info.digest.clone(),
        seed: request.seed,
        steps: request.steps,
        guidance_scale: request.guidance_scale,
        octree_resolution,
        batch_size,
        warnings: Vec::new(),
    })))
}

/// A job on its last attempt runs alone. With one attempt only there would never be company, so it does not count.
fn is_last_attempt(attempt: u32, max_attempts: u32) -> bool {
    max_attempts > 1 && attempt >= max_attempts
}

/// Tells the queue how the attempt ended.
async fn settle(lease: Lease, ending: Ending) -> Outcome {
    let (id, attempt, submitted_ms) = (lease.job().id, lease.attempt(), lease.job().submitted_ms);
    let told = match ending {
        Ending::Made(result) => lease.succeed(&result).await.map(|()| {
            let total = Duration::from_millis(now_ms().saturating_sub(submitted_ms));
            readings::succeeded(&result, total);
            tracing::info!(job.id = %id, attempt, total_seconds = total.as_secs_f64(), "succeeded");
            Outcome::Succeeded
        }),
        Ending::Failed(failure) => lease.fail(&failure).await.map(|state| {
            tracing::info!(job.id = %id, attempt, code = failure.code, state = state.as_str(), "failed");
            match state {
                JobState::Queued => Outcome::Retried,
                JobState::Cancelled => Outcome::Cancelled,
                JobState::Running | JobState::Succeeded | JobState::Failed => Outcome::Failed,
            }
        }),
        Ending::Cancelled => lease.cancelled().await.map(|()| Outcome::Cancelled),
        Ending::HandBack => lease.release().await.map(|()| Outcome::Released),
        // Not a word to the queue: the job is not ours any more.
        Ending::Lost => Ok(Outcome::Lost),
    };
    let outcome = told.unwrap_or_else(|error| {
        // Either it was lost, or Redis has been away for the length of the lease: somebody else will do it again.
        tracing::warn!(job.id = %id, attempt, error = failure::whole(&error), "the end of an attempt was not accepted");
        Outcome::Lost
    });
    if outcome == Outcome::Lost {
        metrics::counter!(telemetry::names::LEASE_LOST).increment(1);
    }
    outcome
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The images of a job, decoded.
async fn images(blobs: &Blobs, spec: &ImageToMesh) -> Result<Vec<(View, RgbaImage)>, Ending> {
    let mut images = Vec::with_capacity(spec.images.len());
    for image in &spec.images {
        let stored = match blobs.get(&image.image).await {
            Ok(bytes) => bytes,
            Err(blobs::Error::NotFound(_)) => return Err(failure::image_gone().into()),
            Err(error) => return Err(failure::internal("the image could not be fetched", &error).into()),
        };
        match on_cpu(tracing::info_span!("decode_image"), move || model::decode_image(&stored)).await? {
            Ok(decoded) => images.push((image.view, decoded)),
            Err(error) => return Err(failure::image_undecodable(&error).into()),
        }
    }
    Ok(images)
}

/// Passes the engine's events on to the queue until the engine is done with the job.
async fn follow(
    lease: &Lease,
    stages: &[StageInfo],
    mut told: mpsc::UnboundedReceiver<Event>,
) -> Result<Box<Decoded>, Ending> {
    let mut throttle = Throttle::default();
    loop {
        match told.recv().await {
            Some(Event::Progress(progress)) => {
                if throttle.passes(&progress, Instant::now()) {
                    tell(lease, stages, progress).await?;
                }
            }
            Some(Event::Decoded(decoded)) => return Ok(decoded),
            Some(Event::Failed(failure)) => return Err(Ending::Failed(failure)),
            Some(Event::HandedBack) => return Err(Ending::HandBack),
            None => return Err(failure::device("the engine stopped").into()),
        }
    }
}

/// Writes progress, and learns whether the job is still wanted. That it cannot be written is no reason to stop: progress
/// is for people, and the result does not need it.
async fn tell(lease: &Lease, stages: &[StageInfo], progress: Progress) -> Result<(), Ending> {
    let share =
        progress.step.zip(progress.steps).map_or(0.0, |(step, steps)| f64::from(step) / f64::from(steps.max(1)));
    let fraction = StageInfo::fraction(stages, &progress.stage, share);
    let progress = progress.with_fraction(fraction);
    match lease.progress(&progress).await {
        Ok(Renewal::Held) => Ok(()),
        Ok(Renewal::Cancelled) => Err(Ending::Cancelled),
        Err(queue::Error::Lost { .. }) => Err(Ending::Lost),
        Err(error) => {
            tracing::debug!(error = failure::whole(&error), "progress could not be written");
            Ok(())
        }
    }
}

/// Work for a CPU thread, in a span of its own.
async fn on_cpu<T: Send + 'static>(span: Span, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Ending> {
    tokio::task::spawn_blocking(move || span.in_scope(work))
        .await
        .map_err(|panic| failure::internal("work on a CPU thread panicked", &panic).into())
}

async fn store(blobs: &Blobs, bytes: Vec<u8>) -> Result<domain::BlobId, Failure> {
    blobs.put(Bytes::from(bytes)).await.map_err(|error| match error {
        blobs::Error::TooLarge { .. } => failure::too_large(),
        error => failure::internal("the result could not be stored", &error),
    })
}

//! The job kind `image_to_mesh`: images to tensors, the engine, the surface, and the files.

use crate::context::WorkerContext;
use crate::engine::{Decoded, Engine, EngineError, Event, Task, caught};
use crate::job::{Attempt, Ending};
use crate::memory::Reservation;
use crate::plan::Exclusivity;
use crate::postprocess::{self, Files};
use crate::progress::ProgressTracker;
use crate::{failure, storage};
use domain::{Artifact, FailureCode, ImageToMesh, Parameters, ResultRecord, StageInfo, StageTiming, View};
use model::{Prepared, SampleRequest};
use picture::{PictureLimits, Probed};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use tracing::Span;

/// The warning of a result that was cut at the boundary of the grid.
const CUT: &str = "The shape reaches the boundary of the grid and was closed there.";

/// The stages of a model, and those of the worker after it.
pub(crate) fn stages_of(model: &[StageInfo]) -> Vec<StageInfo> {
    let after = postprocess::STAGES.map(|(name, weight)| StageInfo::new(name, weight));
    model.iter().cloned().chain(after).collect()
}

/// The stages of a job.
pub(crate) fn stages(context: &WorkerContext, spec: &ImageToMesh) -> Vec<StageInfo> {
    context.engines.get(spec.model.as_deref()).map(|engine| stages_of(&engine.info().stages)).unwrap_or_default()
}

/// Makes a mesh.
pub(crate) async fn run(
    attempt: Attempt,
    spec: ImageToMesh,
    tracker: Arc<ProgressTracker>,
) -> Result<Box<ResultRecord>, Ending> {
    let Attempt { context, slot, cancelled, is_last, queued_seconds } = attempt;
    let engine = context.engines.get(spec.model.as_deref()).ok_or_else(|| {
        failure::logged(FailureCode::UnsupportedJob, "the job names a model that this worker does not have")
    })?;
    let info = engine.info();
    let finest = finest_grid(&context, engine);
    let request = sampling(&spec.parameters, info);
    let octree_resolution = spec.parameters.octree_resolution.unwrap_or(info.octree_resolution.min(finest));
    if octree_resolution > finest {
        return Err(failure::grid_too_fine(octree_resolution, finest).into());
    }
    tracker.add([StageTiming::new("queue", queued_seconds)]);

    tracker.enter("preprocess");
    let input = preprocess(&context, engine, &spec, &request).await?;
    tracker.leave();

    let cost = engine.preprocessor().cost(spec.images.len(), octree_resolution);
    // Nothing else is reserved now, so jobs that wait here do not wait for each other.
    let reservation = context.memory.reserve(cost.field_bytes).await;
    let (events, receiver) = mpsc::unbounded_channel();
    let mut work = EngineWork { cancelled: cancelled.clone(), held: Some((receiver, reservation, slot)) };
    let task = Task {
        input,
        octree_resolution,
        cost,
        exclusivity: if is_last { Exclusivity::Exclusive } else { Exclusivity::Shared },
        cancelled: cancelled.clone(),
        events,
        span: Span::current(),
    };
    if !engine.submit(task).await {
        return Err(Ending::Released);
    }
    let decoded = tokio::select! {
        decoded = work.decoded(&tracker) => *decoded?,
        () = context.engine_fault.cancelled() => return Err(FailureCode::DeviceError.failure().into()),
    };
    let Decoded { field, timings, batch_size } = decoded;
    tracker.add(timings);

    // The field waits here for a CPU thread, and keeps its slot meanwhile: the engine cannot run ahead of the CPU.
    let permit = Arc::clone(&context.postprocess).acquire_owned().await;
    let permit = permit.expect("the semaphore is never closed. This is a bug.");
    let reservation = work.finish();
    let (mapping, format, face_budget) =
        (context.mapping, spec.parameters.format.unwrap_or_default(), spec.parameters.face_budget);
    let stages = Arc::clone(&tracker);
    // Permit and reservation belong to the work, which goes on for a while if the job is cancelled.
    let (files, is_cut, _reservation) = on_cpu(tracing::info_span!("postprocess"), move || {
        let _permit = permit;
        stages.enter("surface");
        let (mesh, is_cut) = postprocess::surface(field, mapping, face_budget)?;
        if cancelled.is_cancelled() {
            return Err(Ending::Cancelled);
        }
        stages.enter("export");
        Ok((postprocess::export(&mesh, format)?, is_cut, reservation))
    })
    .await??;
    let Files { mesh, thumbnail, quality } = files;
    let (mesh_bytes, thumbnail_bytes) = (mesh.len() as u64, thumbnail.len() as u64);
    let (mesh, thumbnail) =
        tokio::try_join!(storage::write(&context, mesh.into()), storage::write(&context, thumbnail.into()))?;

    Ok(Box::new(ResultRecord {
        artifacts: vec![Artifact::mesh(mesh, format, mesh_bytes), Artifact::thumbnail(thumbnail, thumbnail_bytes)],
        format,
        quality,
        timings: tracker.timings(),
        model: info.name.clone(),
        model_digest: info.digest.clone(),
        seed: request.seed,
        steps: request.steps,
        guidance_scale: request.guidance_scale,
        octree_resolution,
        batch_size,
        warnings: is_cut.then(|| CUT.to_owned()).into_iter().collect(),
    }))
}

/// The parameters of the request, with the defaults of the model.
fn sampling(parameters: &Parameters, info: &domain::ModelInfo) -> SampleRequest {
    SampleRequest {
        steps: parameters.steps.unwrap_or(info.steps),
        guidance_scale: parameters.guidance_scale.unwrap_or(info.guidance_scale),
        seed: parameters.seed.unwrap_or_default(),
    }
}

/// Cells along a side of the finest grid that the model makes within the memory budget.
pub(crate) fn finest_grid(context: &WorkerContext, engine: &Engine) -> u32 {
    let fits = |grid: u32| engine.preprocessor().cost(1, grid).field_bytes <= context.memory.total();
    let (mut fitting, mut too_fine) = (0, engine.info().max_octree_resolution.min(context.max_grid).saturating_add(1));
    while too_fine - fitting > 1 {
        let middle = fitting + (too_fine - fitting) / 2;
        if fits(middle) { fitting = middle } else { too_fine = middle }
    }
    fitting
}

/// Reads, decodes and preprocesses the images on a CPU thread, within the memory budget.
async fn preprocess(
    context: &WorkerContext,
    engine: &Engine,
    spec: &ImageToMesh,
    request: &SampleRequest,
) -> Result<Prepared, Ending> {
    let mut files: Vec<(View, Probed)> = Vec::with_capacity(spec.images.len());
    for image in &spec.images {
        let file = storage::read(context, &image.image).await?;
        let probed = Probed::read(&file, PictureLimits::MAX).map_err(|error| failure::image_undecodable(&error))?;
        files.push((image.view, probed));
    }
    let reservation = context.memory.reserve(files.iter().map(|(_, file)| file.rgba_cost()).sum()).await;
    let (preprocessor, request) = (Arc::clone(engine.preprocessor()), request.clone());
    on_cpu(tracing::info_span!("preprocess"), move || {
        let _reservation = reservation;
        let mut images = Vec::with_capacity(files.len());
        for (view, file) in files {
            images.push((view, file.into_rgba().map_err(|error| failure::image_undecodable(&error))?));
        }
        caught(|| preprocessor.preprocess(&images, &request)).map_err(|error: EngineError| error.failure())
    })
    .await?
    .map_err(Ending::Failed)
}

/// A job inside the engine, with what it holds meanwhile. When it is dropped because the job was cancelled, the engine
/// drops the row before its next step or piece of decoding; slot and memory are held until then.
struct EngineWork {
    cancelled: CancellationToken,
    held: Option<(mpsc::UnboundedReceiver<Event>, Reservation, OwnedSemaphorePermit)>,
}

impl EngineWork {
    /// Forwards progress until the engine has finished the job.
    async fn decoded(&mut self, tracker: &ProgressTracker) -> Result<Box<Decoded>, Ending> {
        let Some((events, ..)) = &mut self.held else { return Err(Ending::Released) };
        loop {
            match events.recv().await {
                Some(Event::Progress(progress)) => tracker.report(progress),
                Some(Event::Decoded(decoded)) => return Ok(decoded),
                Some(Event::Failed(failure)) => return Err(Ending::Failed(failure)),
                Some(Event::HandedBack) => return Err(Ending::Released),
                // The thread of the engine has ended.
                None => return Err(FailureCode::DeviceError.failure().into()),
            }
        }
    }

    /// Gives up the slot; the memory is still needed.
    fn finish(mut self) -> Option<Reservation> {
        self.held.take().map(|(_, reservation, _)| reservation)
    }
}

impl Drop for EngineWork {
    fn drop(&mut self) {
        let Some((mut events, reservation, slot)) = self.held.take() else { return };
        self.cancelled.cancel();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // The channel is closed when the engine has dropped the row.
                while events.recv().await.is_some() {}
                drop((reservation, slot));
            });
        }
    }
}

/// Runs work on a CPU thread, in a span of its own.
async fn on_cpu<T: Send + 'static>(span: Span, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Ending> {
    tokio::task::spawn_blocking(move || span.in_scope(work))
        .await
        .map_err(|panic| failure::internal("work on a CPU thread panicked", &panic).into())
}

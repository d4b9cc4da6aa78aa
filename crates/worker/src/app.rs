//! The worker's life, from its options to its exit code.

use crate::engine::{BatchOptions, Engines};
use crate::job::{Workshop, attend};
use crate::options::{BatchSettings, MappingName, ModelOptions, Options, WorkOptions};
use crate::probes::{self, Watched};
use crate::{exit, failure, families, finishing, gpu, memory, readings};
use blobs::Blobs;
use domain::{Capability, LEVEL, ModelInfo, StageInfo, WorkerInfo};
use model::{LoadError, Model, VertexMapping};
use queue::{LeaseOptions, Queue};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Why a worker does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model cannot be loaded, or not on the device that was asked for.
    #[error("the model {dir} cannot be used", dir = dir.display())]
    Model {
        /// The model's directory.
        dir: PathBuf,
        /// Why not.
        #[source]
        source: LoadError,
    },
    /// The queue cannot be reached.
    #[error("the queue cannot be reached")]
    Queue(#[from] queue::Error),
    /// The blob store cannot be opened.
    #[error("the blob store cannot be opened")]
    Blobs(#[from] blobs::Error),
    /// The address for the probes cannot be used, or not be written down.
    #[error("the probes cannot be served")]
    Probes(#[source] std::io::Error),
    /// The system refuses a thread or a signal.
    #[error("the system refuses a thread or a signal")]
    System(#[from] std::io::Error),
}

impl Error {
    /// The process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Model { .. } | Self::Queue(_) | Self::Blobs(_) | Self::Probes(_) | Self::System(_) => {
                exit::UNAVAILABLE
            }
        }
    }
}

/// How long leases, the engine and the probes may take to end once nothing is left to do.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How long one question for jobs waits.
const LEASE_WAIT: Duration = Duration::from_secs(5);

/// Runs a worker until it is told to stop or its device breaks; returns the exit code.
///
/// # Errors
/// When it cannot start.
pub async fn run(options: Options) -> Result<u8, Error> {
    let mut signals = Signals::new()?;
    let Options { model, batch, work, redis, blobs, telemetry: _ } = options;
    // What is quickly found missing comes first; loading the model may take a minute.
    let listener = work.listen.map(probes::bind).transpose().map_err(Error::Probes)?;
    let queue = Queue::connect(&redis).await?;
    let blobs = Blobs::open(&blobs)?;
    let models = tokio::select! {
        loaded = load(model.clone()) => loaded?,
        () = signals.next() => return Ok(exit::DRAINED),
    };
    let on_gpu = models.iter().any(|model| model.device() != "cpu");
    if on_gpu {
        gpu::watch()?;
    }
    let most = batch.most(on_gpu);
    let lease = Duration::from_secs_f64(work.lease_seconds);
    let worker = queue
        .worker(
            WorkerInfo { name: work.worker_name.clone(), ..WorkerInfo::default() },
            LeaseOptions { lease, max_attempts: work.max_attempts },
        )
        .await?;
    let finest = memory::finest_grid().min(work.max_octree_resolution.unwrap_or(u32::MAX));
    let engines = Engines::start(models, batch_options(&batch, &work, most))?;
    let announcement = worker_info(&engines, most, finest);
    let workshop = Arc::new(Workshop {
        engines,
        blobs,
        finishers: Arc::new(Semaphore::new(finishers(&work))),
        mapping: mapping(model.vertex_mapping),
        finest,
        lease,
        max_attempts: work.max_attempts,
        abort: CancellationToken::new(),
    });

    let (stop, done) = (CancellationToken::new(), CancellationToken::new());
    let probes = match listener {
        Some(listener) => {
            let address = listener.local_addr().map_err(Error::Probes)?;
            let watched = Watched { workshop: Arc::clone(&workshop), queue: queue.clone(), stop: stop.clone() };
            let serving = tokio::spawn(probes::serve(listener, watched, done.clone()));
            if let Some(path) = &work.addr_file {
                probes::write_address(path, address).map_err(Error::Probes)?;
            }
            tracing::info!(addr = %address, "serving probes");
            Some(serving)
        }
        None => None,
    };
    tracing::info!(worker = worker.name(), batch_size_max = most, finest_grid = finest, "taking jobs");

    if let Err(error) = worker.announce(announcement).await {
        tracing::warn!(error = failure::whole(&error), "the worker is not announced yet");
    }
    let jobs = TaskTracker::new();
    tokio::select! {
        () = take_jobs(&workshop, &worker, most.into(), &jobs) => {}
        () = signals.next() => tracing::info!("draining: jobs that have begun are finished"),
        fault = workshop.engines.faulted() => {
            // Nothing is handed back: a job that breaks engines must use up its attempts.
            tracing::error!(%fault, "leaving: an engine can do no more work");
            return Ok(exit::DEVICE_FAULT);
        }
    }
    stop.cancel();
    drain(&workshop, &jobs, &mut signals, Duration::from_secs(work.drain_seconds.into()), lease).await;
    done.cancel();
    if let Some(probes) = probes {
        let _ = tokio::time::timeout(LAST_WORDS, probes).await;
    }
    Ok(if workshop.engines.fault().is_some() { exit::DEVICE_FAULT } else { exit::DRAINED })
}

/// Loads the models, one after the other, on a thread of its own.
async fn load(options: ModelOptions) -> Result<Vec<Box<dyn Model>>, Error> {
    let load = move || {
        let mut models: Vec<Box<dyn Model>> = Vec::new();
        for dir in &options.model {
            let loaded = load_one(dir, &options)?;
            let name = &loaded.info().name;
            if models.iter().any(|model| model.info().name == *name) {
                let source = "another model has the same name, the name of its directory".into();
                return Err(Error::Model { dir: dir.clone(), source });
            }
            models.push(loaded);
        }
        Ok(models)
    };
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // Not on the runtime's pool: a SIGTERM would then wait for the model.
    std::thread::Builder::new().name("load".to_owned()).spawn(move || drop(sender.send(load())))?;
    receiver.await.map_err(|_| std::io::Error::other("loading a model panicked"))?
}

fn load_one(dir: &Path, options: &ModelOptions) -> Result<Box<dyn Model>, Error> {
    let start = Instant::now();
    let failed = |source| Error::Model { dir: dir.to_owned(), source };
    let model = families::load(dir, &options.load_options()).map_err(failed)?;
    let took = start.elapsed();
    readings::loaded(&*model, took);
    let info = model.info();
    tracing::info!(
        model = info.name,
        family = info.family,
        device = model.device(),
        dtype = model.dtype(),
        digest = info.digest,
        seconds = took.as_secs_f64(),
        "model loaded"
    );
    Ok(model)
}

/// What the worker announces.
fn worker_info(engines: &Engines, slots: u16, finest: u32) -> WorkerInfo {
    let default = engines.get(None).map(|engine| engine.info().name.clone());
    let models = engines.iter().map(|engine| {
        let info = engine.info();
        let after = finishing::STAGES.map(|(name, weight)| StageInfo::new(name, weight));
        ModelInfo {
            is_default: Some(&info.name) == default.as_ref(),
            max_octree_resolution: info.max_octree_resolution.min(finest),
            stages: info.stages.iter().cloned().chain(after).collect(),
            ..info.clone()
        }
    });
    let models: Vec<ModelInfo> = models.collect();
    let capability = |model: &ModelInfo| Capability {
        kind: "image_to_mesh".to_owned(),
        level: LEVEL,
        model: model.name.clone(),
        is_default_model: model.is_default,
        multi_view: model.multi_view,
        max_grid: model.max_octree_resolution,
    };
    WorkerInfo {
        name: String::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        slots: slots.into(),
        capabilities: models.iter().map(capability).collect(),
        models,
    }
}

/// Leases jobs as the engine has seats for them. Several that wait are taken at once and begin as one batch.
async fn take_jobs(workshop: &Arc<Workshop>, worker: &queue::Worker, seats: usize, jobs: &TaskTracker) {
    let seats = Arc::new(Semaphore::new(seats));
    loop {
        // A seat first: a job that is taken and cannot begin would only be kept from another worker.
        let mut free = vec![seat(&seats).await];
        while let Ok(another) = Arc::clone(&seats).try_acquire_owned() {
            free.push(another);
        }
        match worker.lease(free.len(), LEASE_WAIT).await {
            Ok(leases) => {
                for (lease, seat) in leases.into_iter().zip(free) {
                    jobs.spawn(attend(Arc::clone(workshop), lease, seat));
                }
            }
            Err(error) => {
                tracing::warn!(error = failure::whole(&error), "no jobs can be taken");
                // An error that does not pass comes back at once.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn seat(seats: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(seats).acquire_owned().await.expect("nobody closes this semaphore. This is a bug.")
}

/// Finishes what has begun, hands back the rest, and hands back everything when time is over or at a second signal.
async fn drain(workshop: &Workshop, jobs: &TaskTracker, signals: &mut Signals, longest: Duration, lease: Duration) {
    workshop.engines.stop();
    jobs.close();
    let finished = tokio::select! {
        () = jobs.wait() => true,
        fault = workshop.engines.faulted() => {
            tracing::error!(%fault, "leaving: an engine can do no more work");
            return;
        }
        () = tokio::time::sleep(longest) => false,
        () = signals.next() => false,
    };
    if !finished {
        tracing::warn!(jobs = jobs.len(), "handing back jobs that have begun");
        workshop.abort.cancel();
        // Ending a lease is tried for no longer than the lease.
        let _ = tokio::time::timeout(lease + LAST_WORDS, jobs.wait()).await;
    }
    let _ = tokio::time::timeout(LAST_WORDS, workshop.engines.leave()).await;
}

fn batch_options(settings: &BatchSettings, work: &WorkOptions, most: u16) -> BatchOptions {
    BatchOptions {
        least: settings.batch_size_min.into(),
        most: most.into(),
        dynamic: settings.dynamic_scaling,
        fill: Duration::from_secs_f64(settings.batch_timeout_seconds),
        stall: Duration::from_secs(work.stall_seconds.into()),
    }
}

fn finishers(options: &WorkOptions) -> usize {
    let half = || std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2);
    options.finishers.map_or_else(half, usize::from).max(1)
}

/// Users get the corrected mapping unless the operator says otherwise: the released one makes meshes smaller by one part
/// in the resolution and shifts them by half a cell, which is only right for comparing with that software's output.
fn mapping(name: MappingName) -> VertexMapping {
    match name {
        MappingName::Corrected => VertexMapping::Corrected,
        MappingName::Reference => VertexMapping::Reference,
    }
}

/// The wish to stop.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

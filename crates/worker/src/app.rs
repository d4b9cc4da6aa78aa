//! The process of a worker, from its options to its exit code.

use crate::context::WorkerContext;
use crate::engine::{BatchOptions, Engines};
use crate::job::run_job;
use crate::memory::{self, MemoryBudget};
use crate::options::{BatchSettings, MappingName, Options, WorkOptions};
use crate::probes::{self, ProbeState};
use crate::{announce, exit, failure, gpu, models};
use blobs::Blobs;
use model::{LoadError, VertexMapping};
use queue::{LeaseOptions, Queue};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The reason for which a worker does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A model cannot be loaded, or not on the requested device.
    #[error("the model {dir} cannot be used", dir = dir.display())]
    Model {
        /// The directory of the model.
        dir: PathBuf,
        /// The cause.
        #[source]
        source: LoadError,
    },
    /// The queue cannot be reached.
    #[error("the queue cannot be reached")]
    Queue(#[from] queue::Error),
    /// The blob store cannot be opened.
    #[error("the blob store cannot be opened")]
    Blobs(#[from] blobs::Error),
    /// The address of the probes cannot be used, or its file cannot be written.
    #[error("the probes cannot be served")]
    Probes(#[source] std::io::Error),
    /// A thread or a signal handler cannot be created.
    #[error("a thread or a signal handler cannot be created")]
    System(#[from] std::io::Error),
}

impl Error {
    /// The exit code of the process.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Model { .. } | Self::Queue(_) | Self::Blobs(_) | Self::Probes(_) | Self::System(_) => {
                exit::UNAVAILABLE
            }
        }
    }
}

/// Time for leases, engines and probes to end when the process shuts down, beyond the time for jobs.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);

/// How long one call for jobs waits.
const LEASE_WAIT: Duration = Duration::from_secs(5);

/// Runs a worker until it is told to stop or an engine fails; returns the exit code.
///
/// # Errors
/// When it cannot start.
pub async fn run(options: Options) -> Result<u8, Error> {
    memory::return_large_buffers();
    let mut signals = Signals::new()?;
    let Options { model, batch, work, redis, blobs, telemetry: _ } = options;
    // Quick checks come first: loading the model may take a minute.
    let listener = work.listen.map(probes::bind).transpose().map_err(Error::Probes)?;
    let queue = Queue::connect(&redis).await?;
    let blobs = Blobs::open(&blobs)?;
    let models = tokio::select! {
        loaded = models::load(model.clone()) => loaded?,
        () = signals.next() => return Ok(exit::DRAINED),
    };
    let on_gpu = models.iter().any(|model| model.device() != "cpu");
    if on_gpu {
        gpu::watch()?;
    }
    let slots = batch.most(on_gpu);
    let lease = LeaseOptions { lease: Duration::from_secs_f64(work.lease_seconds), max_attempts: work.max_attempts };
    let context = Arc::new(WorkerContext {
        engines: Engines::start(models, batch_options(&batch, &work, slots))?,
        blobs,
        memory: memory_budget(&work),
        postprocess: Arc::new(Semaphore::new(postprocess_threads(&work))),
        mapping: mapping(model.vertex_mapping),
        max_grid: work.max_octree_resolution.unwrap_or(u32::MAX),
        lease,
        abort: CancellationToken::new(),
        engine_fault: CancellationToken::new(),
        results_waiting: AtomicUsize::new(0),
    });
    let info = announce::worker_info(&context, &work.worker_name, slots);
    let finest_grid = info.capabilities.iter().map(|capability| capability.max_grid).max();
    let worker = queue.worker(info, lease).await?;

    let (stop, done) = (CancellationToken::new(), CancellationToken::new());
    let probes = match listener {
        Some(listener) => {
            let address = listener.local_addr().map_err(Error::Probes)?;
            let state = ProbeState { context: Arc::clone(&context), queue: queue.clone(), stop: stop.clone() };
            let serving = tokio::spawn(probes::serve(listener, state, done.clone()));
            if let Some(path) = &work.addr_file {
                probes::write_address(path, address).map_err(Error::Probes)?;
            }
            tracing::info!(addr = %address, "serving probes");
            Some(serving)
        }
        None => None,
    };
    tracing::info!(
        worker = worker.name(),
        slots,
        finest_grid,
        memory_budget_mib = context.memory.total() >> 20,
        "taking jobs"
    );

    let jobs = TaskTracker::new();
    let drain_for = tokio::select! {
        () = take_jobs(&context, &worker, slots.into(), &jobs) => Duration::ZERO,
        () = signals.next() => {
            tracing::info!("draining: jobs that have begun are finished");
            Duration::from_secs(work.drain_seconds.into())
        }
        fault = context.engines.faulted() => {
            // Jobs inside the engine fail and use up an attempt each: one of them may be the cause. Jobs whose mesh is
            // being made or stored may finish.
            tracing::error!(%fault, "shutting down: an engine can do no more work");
            context.engine_fault.cancel();
            SHUTDOWN_GRACE
        }
    };
    stop.cancel();
    drain(&context, &jobs, &mut signals, drain_for).await;
    done.cancel();
    if let Some(probes) = probes {
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, probes).await;
    }
    let has_failed = context.engine_fault.is_cancelled() || context.engines.fault().is_some();
    Ok(if has_failed { exit::DEVICE_FAULT } else { exit::DRAINED })
}

/// Leases jobs while there are free slots. Several that wait are taken at once and begin as one batch.
async fn take_jobs(context: &Arc<WorkerContext>, worker: &queue::Worker, slots: usize, jobs: &TaskTracker) {
    let slots = Arc::new(Semaphore::new(slots));
    loop {
        // The slot is acquired first: a leased job that cannot begin would be withheld from other workers.
        let mut free = vec![slot(&slots).await];
        while let Ok(another) = Arc::clone(&slots).try_acquire_owned() {
            free.push(another);
        }
        match worker.lease(free.len(), LEASE_WAIT).await {
            Ok(leases) => {
                for (lease, slot) in leases.into_iter().zip(free) {
                    jobs.spawn(run_job(Arc::clone(context), lease, slot));
                }
            }
            Err(error) => {
                tracing::warn!(error = failure::chain(&error), "no jobs can be leased");
                // Some errors are returned without delay.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn slot(slots: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    Arc::clone(slots).acquire_owned().await.expect("the semaphore is never closed. This is a bug.")
}

/// Finishes jobs that have begun and releases the others; when `at_most` is over, or at another signal, releases all.
async fn drain(context: &WorkerContext, jobs: &TaskTracker, signals: &mut Signals, at_most: Duration) {
    context.engines.stop();
    jobs.close();
    let finished = tokio::select! {
        () = jobs.wait() => true,
        fault = context.engines.faulted(), if !context.engine_fault.is_cancelled() => {
            tracing::error!(%fault, "an engine can do no more work");
            context.engine_fault.cancel();
            tokio::time::timeout(SHUTDOWN_GRACE, jobs.wait()).await.is_ok()
        }
        () = tokio::time::sleep(at_most) => false,
        () = signals.next() => false,
    };
    if !finished {
        tracing::warn!(jobs = jobs.len(), "releasing jobs that have begun");
        context.abort.cancel();
        // Reports of ends are retried while Redis cannot be reached.
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, jobs.wait()).await;
    }
    // An engine that failed may hang.
    if !context.engine_fault.is_cancelled() {
        let _ = tokio::time::timeout(SHUTDOWN_GRACE, context.engines.leave()).await;
    }
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

fn memory_budget(options: &WorkOptions) -> MemoryBudget {
    match options.memory_budget {
        Some(mib) => MemoryBudget::new(u64::from(mib) << 20),
        None => MemoryBudget::of_this_process(),
    }
}

fn postprocess_threads(options: &WorkOptions) -> usize {
    let half = || std::thread::available_parallelism().map_or(1, |cores| cores.get() / 2);
    options.finishers.map_or_else(half, usize::from).max(1)
}

/// The corrected mapping is the default. The one of the released software makes meshes smaller by one part in the
/// resolution and shifts them by half a cell: it is for comparisons with the output of that software.
fn mapping(name: MappingName) -> VertexMapping {
    match name {
        MappingName::Corrected => VertexMapping::Corrected,
        MappingName::Reference => VertexMapping::Reference,
    }
}

/// SIGTERM and SIGINT.
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

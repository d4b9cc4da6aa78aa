//! The engine: one thread that owns a model and keeps a running batch.
//!
//! A job comes in as a [`Task`], with its input preprocessed, and the engine reports on it in [`Event`]s. Jobs join the
//! batch between two steps, all rows take each step together, each at its own timestep, and rows that are done leave and
//! are decoded. The result is a [`Field`] in main memory: the mesh is made elsewhere, so that the device does not wait.
//!
//! * `batch`: the loop of the thread. `row`: one job in it.
//! * `error`: failed calls of the model, and where its panics are caught. `health`: the watchdog.
//! * [`Engines`]: the models of a worker.

mod batch;
mod engines;
mod error;
mod health;
mod row;

pub use self::engines::Engines;
pub(crate) use self::error::{EngineError, caught};
pub use self::health::EngineFault;
use self::health::Health;
use crate::plan::Exclusivity;
use domain::{Failure, ModelInfo, Progress, StageTiming};
use model::{Cost, Field, Model, Prepared, Preprocess};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A job, as the engine sees it.
pub struct Task {
    /// The input, made by the model's own [`Preprocess`].
    pub input: Prepared,
    /// Cells along a side of the grid.
    pub octree_resolution: u32,
    /// What the job takes, by [`Preprocess::cost`].
    pub cost: Cost,
    /// Whether it may share a batch.
    pub exclusivity: Exclusivity,
    /// Cancelled when the result is no longer wanted: the row leaves before the next step or piece of decoding.
    pub cancelled: CancellationToken,
    /// Receives the events. The last one is never [`Event::Progress`], unless the task was cancelled or the engine died.
    pub events: mpsc::UnboundedSender<Event>,
    /// The span of the job: the spans of its stages are its children.
    pub span: tracing::Span,
}

/// What happens to a task.
#[derive(Debug)]
pub enum Event {
    /// A stage began, or a step is done.
    Progress(Progress),
    /// The field is made; the engine has finished the task.
    Decoded(Box<Decoded>),
    /// The task failed.
    Failed(Failure),
    /// The engine is stopping and has not begun the task.
    HandedBack,
}

/// The result of a task.
#[derive(Debug)]
pub struct Decoded {
    /// The field, in main memory.
    pub field: Field,
    /// The time that each stage took, in order. A stage that rows share counts in full for each of them.
    pub timings: Vec<StageTiming>,
    /// The largest number of rows that shared a step with this one, itself included.
    pub batch_size: u32,
}

/// How batches are formed and watched.
#[derive(Debug, Clone, Copy)]
pub struct BatchOptions {
    /// The limit on rows never falls below this.
    pub least: usize,
    /// The most rows of a batch.
    pub most: usize,
    /// Lower the limit when the device runs out of memory, and raise it again later.
    pub dynamic: bool,
    /// How long an idle engine waits for a batch to fill before it starts; zero starts at once.
    pub fill: Duration,
    /// A call of the model without progress for so long has stalled, unless its work explains a longer time.
    pub stall: Duration,
}

/// A running engine.
pub struct Engine {
    info: ModelInfo,
    device: String,
    dtype: String,
    preprocessor: Arc<dyn Preprocess>,
    tasks: mpsc::Sender<Task>,
    health: Arc<Health>,
}

impl Engine {
    /// Starts the thread. It runs until [`Engine::stop`], and until every task that it has begun is done.
    ///
    /// # Errors
    /// When the system cannot start a thread.
    pub fn start(model: Box<dyn Model>, options: BatchOptions) -> std::io::Result<Self> {
        // The owner submits no more tasks than there are slots, so the channel never holds many.
        let (tasks, inbox) = mpsc::channel(options.most + 1);
        let health = Arc::new(Health::default());
        let info = model.info().clone();
        let engine = Self {
            device: model.device().to_owned(),
            dtype: model.dtype().to_owned(),
            preprocessor: model.preprocessor(),
            tasks,
            health: Arc::clone(&health),
            info,
        };
        // Cancelled also when the thread panics.
        let ended = health.ended.clone().drop_guard();
        let batch = batch::Batch::new(model, options, inbox, health, tokio::runtime::Handle::current());
        std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
            let _ended = ended;
            batch.run();
        })?;
        Ok(engine)
    }

    /// What the model is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The device that the model runs on, such as `cpu` or `cuda:0`.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// The type of number that the model computes with.
    pub fn dtype(&self) -> &str {
        &self.dtype
    }

    /// The part of the model that any CPU thread can use.
    pub fn preprocessor(&self) -> &Arc<dyn Preprocess> {
        &self.preprocessor
    }

    /// Hands a task over. `false`: the engine takes no more.
    pub async fn submit(&self, task: Task) -> bool {
        !self.health.stopping.is_cancelled() && self.tasks.send(task).await.is_ok()
    }

    /// Begins nothing more: what waits is handed back, what runs is finished.
    pub fn stop(&self) {
        self.health.stopping.cancel();
    }

    /// Stops the engine and waits until its thread has ended. A thread that hangs never does.
    pub async fn leave(&self) {
        self.stop();
        self.health.ended.cancelled().await;
    }

    /// Why the engine can do no more work, if so.
    pub fn fault(&self) -> Option<EngineFault> {
        self.health.fault()
    }

    /// Resolves when the engine can do no more work: its device or its thread is lost, or a call of the model hangs. The
    /// process must then be left without waiting for the thread.
    pub async fn faulted(&self) -> EngineFault {
        self.health.faulted().await
    }
}

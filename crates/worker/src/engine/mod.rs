//! The engine: one thread that owns the model and keeps a running batch.
//!
//! Jobs come in as [`Task`]s and are told about as [`Event`]s. Jobs join the batch at the next step boundary, all rows
//! take each step together, each at its own timestep; rows that are done leave and are decoded. What comes out is a
//! [`Field`] on the CPU: meshes are made elsewhere, so the device never waits for one.
//!
//! A tensor may move between threads but not be shared by them, hence the one thread. It is also the only place that
//! catches panics: libtorch reports through them, and one bad job must not end the others.

mod batch;
mod guard;
mod row;

pub(crate) use self::guard::Trouble;
use crate::plan::Company;
use domain::{Failure, Progress};
use hunyuan3d::{DecodeOptions, Field, ImageTo3d, Picture, SampleRequest};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// A job, as the engine sees it.
pub struct Task {
    /// What the shape is made from.
    pub picture: Picture,
    /// Steps, guidance and seed.
    pub request: SampleRequest,
    /// How the latents become a field.
    pub decode: DecodeOptions,
    /// Whether it may share a batch.
    pub company: Company,
    /// Cancelled when nobody wants the result any more: its row leaves at the next step boundary.
    pub cancelled: CancellationToken,
    /// Where the engine tells what happens. The last event is never [`Event::Progress`], unless the task was cancelled.
    pub events: mpsc::UnboundedSender<Event>,
    /// The span of the job: the spans of its stages are children of it.
    pub span: tracing::Span,
}

/// What the engine tells of a task.
#[derive(Debug)]
pub enum Event {
    /// A stage began, or a step is done.
    Progress(Progress),
    /// The field is there; the engine is done with the task.
    Decoded(Box<Decoded>),
    /// It cannot be made, or not by this engine.
    Failed(Failure),
    /// The engine is stopping and has not begun the task.
    HandedBack,
}

/// What the engine made of a task.
#[derive(Debug)]
pub struct Decoded {
    /// Logits on a grid, on the CPU.
    pub field: Field,
    /// Where the time went, in seconds: a stage that rows share counts in full for each of them.
    pub seconds: StageSeconds,
    /// The largest number of rows that shared a step with this one, itself included.
    pub batch_size: u32,
}

/// Seconds that a task spent in the engine's stages.
#[derive(Debug, Clone, Copy, Default)]
pub struct StageSeconds {
    /// Picture to tensor.
    pub preprocess: f64,
    /// Image encoder.
    pub encode: f64,
    /// From joining the batch to the last step.
    pub denoise: f64,
    /// ShapeVAE and volume decoding.
    pub decode: f64,
}

/// How batches are formed.
#[derive(Debug, Clone, Copy)]
pub struct BatchOptions {
    /// The limit on rows never falls below this, however little memory there is.
    pub least: usize,
    /// The most rows of a batch.
    pub most: usize,
    /// Lower the limit when the device runs out of memory, and raise it again later.
    pub dynamic: bool,
    /// An idle engine waits so long for a batch to fill before it starts; zero starts at once.
    pub fill: Duration,
}

/// A running engine.
pub struct Engine {
    tasks: mpsc::Sender<Task>,
    shared: Arc<Shared>,
}

/// What the engine's thread and its owner both see.
pub(crate) struct Shared {
    /// The owner wants no new rows begun.
    stopping: CancellationToken,
    /// The device is broken: the process must be left.
    fault: CancellationToken,
    /// The thread has left, and the model with it.
    ended: CancellationToken,
    /// Since when the model has been at its present call.
    busy_since: Mutex<Option<Instant>>,
}

impl Shared {
    /// Runs a call of the model, with panics caught and its beginning noted.
    fn call<T>(&self, work: impl FnOnce() -> Result<T, hunyuan3d::Error>) -> Result<T, Trouble> {
        *self.busy() = Some(Instant::now());
        let outcome = guard::guarded(work);
        *self.busy() = None;
        outcome
    }

    fn busy(&self) -> MutexGuard<'_, Option<Instant>> {
        // Nobody panics while holding it, and a time stays a time.
        self.busy_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine {
    /// Starts the thread. It runs until [`Engine::stop`] and until every task it has begun is done.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn start(model: Box<dyn ImageTo3d>, options: BatchOptions) -> std::io::Result<Self> {
        // The owner hands over only as many tasks as the batch takes (and one more), so this never holds many.
        let (tasks, inbox) = mpsc::channel(options.most + 1);
        let shared = Arc::new(Shared {
            stopping: CancellationToken::new(),
            fault: CancellationToken::new(),
            ended: CancellationToken::new(),
            busy_since: Mutex::new(None),
        });
        let batch = batch::Batch::new(model, options, inbox, Arc::clone(&shared), tokio::runtime::Handle::current());
        // Dropped also when the thread panics: whoever waits for its end must not wait for ever.
        let ended = shared.ended.clone().drop_guard();
        std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
            let _ended = ended;
            batch.run();
        })?;
        Ok(Self { tasks, shared })
    }

    /// Hands a task over. `false`: the engine takes no more.
    pub async fn submit(&self, task: Task) -> bool {
        !self.shared.stopping.is_cancelled() && self.tasks.send(task).await.is_ok()
    }

    /// Begins nothing more: what waits is handed back, what runs is finished.
    pub fn stop(&self) {
        self.shared.stopping.cancel();
    }

    /// Resolves when the device broke: nothing more can be made in this process.
    pub async fn fault(&self) {
        self.shared.fault.cancelled().await;
    }

    /// Resolves when one call of the model has lasted for `longest`: a device that hangs raises no error.
    pub async fn stall(&self, longest: Duration) {
        loop {
            let lasts = self.shared.busy().map_or(Duration::ZERO, |since| since.elapsed());
            if lasts >= longest {
                return;
            }
            tokio::time::sleep(longest - lasts).await;
        }
    }

    /// Whether the device broke.
    pub fn is_broken(&self) -> bool {
        self.shared.fault.is_cancelled()
    }

    /// Whether the thread still takes tasks.
    pub fn is_alive(&self) -> bool {
        !self.shared.ended.is_cancelled() && !self.is_broken()
    }

    /// Stops the engine and waits until its thread has left.
    pub async fn leave(&self) {
        self.stop();
        self.shared.ended.cancelled().await;
    }
}

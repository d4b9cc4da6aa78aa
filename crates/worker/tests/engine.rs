//! The engine with the model that the repository ships, and with planned failures of it.
#![allow(clippy::unwrap_used)]

mod common;

use common::{PATIENCE, model, picture};
use hunyuan3d::{
    Conditioning, DecodeOptions, Device, Dtype, Error, Field, ImageTo3d, LoadOptions, ModelInfo, Picture, Pipeline,
    Processed, Sample, SampleRequest,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;
use worker::engine::{BatchOptions, Decoded, Engine, Event, Task};
use worker::plan::Company;

fn pipeline() -> Pipeline {
    Pipeline::load(&model(), &LoadOptions { device: Device::Cpu, dtype: Dtype::F32 }).unwrap()
}

/// The shipped model, which fails when `plan` says so: it is asked before each step with the number of the step call,
/// from 1, and the number of rows, and may answer with a panic's message.
struct Failing<F> {
    inner: Pipeline,
    steps: AtomicUsize,
    plan: F,
}

impl<F: Fn(usize, usize) -> Option<&'static str> + Send> ImageTo3d for Failing<F> {
    fn info(&self) -> &ModelInfo {
        self.inner.info()
    }
    fn preprocess(&self, picture: &Picture) -> Result<Processed, Error> {
        self.inner.preprocess(picture)
    }
    fn encode(&self, pictures: &[Processed]) -> Result<Vec<Conditioning>, Error> {
        self.inner.encode(pictures)
    }
    fn start(&self, conditioning: Conditioning, request: &SampleRequest) -> Result<Sample, Error> {
        self.inner.start(conditioning, request)
    }
    fn step(&self, rows: &mut [&mut Sample]) -> Result<(), Error> {
        if let Some(message) = (self.plan)(self.steps.fetch_add(1, Ordering::Relaxed) + 1, rows.len()) {
            panic!("{message}");
        }
        self.inner.step(rows)
    }
    fn decode(&self, rows: &[&Sample], options: &DecodeOptions) -> Result<Vec<Field>, Error> {
        self.inner.decode(rows, options)
    }
}

fn failing(plan: impl Fn(usize, usize) -> Option<&'static str> + Send + 'static) -> Box<dyn ImageTo3d> {
    Box::new(Failing { inner: pipeline(), steps: AtomicUsize::new(0), plan })
}

fn engine(model: Box<dyn ImageTo3d>, most: usize, fill: Duration) -> Arc<Engine> {
    Arc::new(Engine::start(model, BatchOptions { least: 1, most, dynamic: true, fill }).unwrap())
}

struct Job {
    events: UnboundedReceiver<Event>,
    cancelled: CancellationToken,
}

async fn submit(engine: &Engine, number: u32, steps: u32, company: Company) -> Job {
    let (sender, events) = unbounded_channel();
    let cancelled = CancellationToken::new();
    let task = Task {
        picture: Picture::Single(picture(number)),
        request: SampleRequest { steps, guidance_scale: 2.0 + f64::from(number), seed: number.into() },
        decode: DecodeOptions { octree_resolution: 24, ..DecodeOptions::default() },
        company,
        cancelled: cancelled.clone(),
        events: sender,
        span: tracing::Span::none(),
    };
    assert!(engine.submit(task).await);
    Job { events, cancelled }
}

impl Job {
    /// The last event, and how many steps were told before it.
    async fn end(mut self) -> (Option<Event>, u32) {
        let mut steps = 0;
        let last = async {
            loop {
                match self.events.recv().await {
                    Some(Event::Progress(progress)) => steps = progress.step.unwrap_or(steps),
                    last => return last,
                }
            }
        };
        (tokio::time::timeout(PATIENCE, last).await.expect("the engine answers"), steps)
    }

    async fn decoded(self) -> Decoded {
        match self.end().await.0 {
            Some(Event::Decoded(decoded)) => *decoded,
            other => panic!("{other:?}"),
        }
    }

    async fn failure_code(self) -> String {
        match self.end().await.0 {
            Some(Event::Failed(failure)) => failure.code,
            other => panic!("{other:?}"),
        }
    }

    async fn after_step(&mut self, wanted: u32) {
        loop {
            match self.events.recv().await {
                Some(Event::Progress(progress)) if progress.step.is_some_and(|step| step >= wanted) => return,
                Some(Event::Progress(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Rounding that differs with the batch's size grows a little with each step; other inputs differ a thousand times more.
const ROUNDING: f32 = 1e-3;

/// The largest difference of two logits; infinite where only one field has a value.
fn largest_difference(a: &Field, b: &Field) -> f32 {
    assert_eq!((a.shape, a.values.len()), (b.shape, b.values.len()));
    let difference = |(a, b): (&f32, &f32)| match (a.is_nan(), b.is_nan()) {
        (true, true) => 0.0,
        (false, false) => (a - b).abs(),
        _ => f32::INFINITY,
    };
    a.values.iter().zip(&b.values).map(difference).fold(0.0, f32::max)
}

#[tokio::test]
async fn a_row_of_a_batch_is_what_it_would_be_alone() {
    const JOBS: [(u32, u32); 4] = [(0, 12), (1, 5), (2, 9), (3, 12)];
    let alone = engine(Box::new(pipeline()), 1, Duration::ZERO);
    let mut expected = Vec::new();
    for (number, steps) in JOBS {
        let decoded = submit(&alone, number, steps, Company::Any).await.decoded().await;
        assert_eq!(decoded.batch_size, 1);
        expected.push(decoded.field);
    }
    let apart = largest_difference(&expected[0], &expected[3]);
    assert!(apart > 0.01, "different jobs make different shapes: {apart}");

    // Together from the beginning, and one that joins in the middle.
    let shared = engine(Box::new(pipeline()), 4, Duration::from_secs(1));
    let late = engine(Box::new(pipeline()), 4, Duration::ZERO);
    let mut together = Vec::new();
    for (number, steps) in JOBS {
        together.push(submit(&shared, number, steps, Company::Any).await);
    }
    let mut first = submit(&late, JOBS[0].0, JOBS[0].1, Company::Any).await;
    first.after_step(2).await;
    let joined = submit(&late, JOBS[1].0, JOBS[1].1, Company::Any).await;
    for (job, expected) in together.into_iter().zip(&expected) {
        let decoded = job.decoded().await;
        assert!(decoded.batch_size >= 2);
        let difference = largest_difference(&decoded.field, expected);
        assert!(difference <= ROUNDING, "{difference}");
    }
    for (job, expected) in [first, joined].into_iter().zip(&expected) {
        let difference = largest_difference(&job.decoded().await.field, expected);
        assert!(difference <= ROUNDING, "{difference}");
    }
}

#[tokio::test]
async fn a_cancelled_row_leaves_at_the_next_step() {
    let engine = engine(
        failing(|_, _| {
            std::thread::sleep(Duration::from_millis(20));
            None
        }),
        2,
        Duration::ZERO,
    );
    let mut first = submit(&engine, 0, 200, Company::Any).await;
    first.after_step(3).await;
    first.cancelled.cancel();
    let (last, steps) = first.end().await;
    assert!(last.is_none() && steps <= 6, "{last:?} after {steps} steps");
    assert_eq!(submit(&engine, 1, 3, Company::Any).await.decoded().await.batch_size, 1);
}

#[tokio::test]
async fn a_panic_costs_the_rows_of_its_batch_and_nobody_else() {
    let engine = engine(failing(|call, _| (call == 2).then_some("a bug in an operator")), 4, Duration::from_secs(1));
    let (first, second) = (submit(&engine, 0, 5, Company::Any).await, submit(&engine, 1, 5, Company::Any).await);
    assert_eq!(
        (first.failure_code().await, second.failure_code().await),
        ("device_error".into(), "device_error".into())
    );
    assert!(engine.is_alive() && !engine.is_broken());
    submit(&engine, 2, 5, Company::Any).await.decoded().await;
}

#[tokio::test]
async fn without_memory_the_batch_shrinks() {
    let no_room = |_, rows| (rows > 2).then_some("CUDA out of memory. Tried to allocate 2.00 GiB");
    let engine = engine(failing(no_room), 4, Duration::from_millis(300));
    let batch = async || {
        let mut jobs = Vec::new();
        for number in 0..4 {
            jobs.push(submit(&engine, number, 3, Company::Any).await);
        }
        jobs
    };
    for job in batch().await {
        assert_eq!(job.failure_code().await, "device_error");
    }
    for job in batch().await {
        assert!(job.decoded().await.batch_size <= 2);
    }
    assert!(!engine.is_broken());
}

#[tokio::test]
async fn a_broken_device_ends_the_engine_and_everybody_hears_of_it() {
    let fault = |call, _| (call == 3).then_some("CUDA error: an illegal memory access was encountered");
    let engine = engine(failing(fault), 2, Duration::from_millis(300));
    let mut jobs = Vec::new();
    for number in 0..3 {
        jobs.push(submit(&engine, number, 9, Company::Any).await);
    }
    tokio::time::timeout(PATIENCE, engine.fault()).await.unwrap();
    let waiting = jobs.pop().unwrap();
    for job in jobs {
        assert_eq!(job.failure_code().await, "device_error");
    }
    assert!(matches!(waiting.end().await.0, Some(Event::HandedBack)));
    assert!(engine.is_broken() && !engine.is_alive());
    tokio::time::timeout(PATIENCE, engine.leave()).await.unwrap();
}

#[tokio::test]
async fn a_call_that_hangs_is_noticed_and_a_busy_engine_is_not_mistaken_for_one() {
    let hang = |call, _| {
        std::thread::sleep(Duration::from_millis(if call == 20 { 1500 } else { 30 }));
        None
    };
    let engine = engine(failing(hang), 1, Duration::ZERO);
    let mut job = submit(&engine, 0, 25, Company::Any).await;
    let stall = engine.stall(Duration::from_millis(400));
    tokio::pin!(stall);
    tokio::select! {
        () = &mut stall => panic!("it was busy, not hanging"),
        () = job.after_step(19) => {}
    }
    tokio::time::timeout(Duration::from_millis(1200), stall).await.unwrap();
    job.decoded().await;
}

#[tokio::test]
async fn who_must_be_alone_is() {
    let engine = engine(Box::new(pipeline()), 4, Duration::ZERO);
    let mut first = submit(&engine, 0, 30, Company::Any).await;
    first.after_step(1).await;
    let (alone, behind) = (submit(&engine, 1, 3, Company::Alone).await, submit(&engine, 2, 3, Company::Any).await);
    assert_eq!(first.decoded().await.batch_size, 1);
    assert_eq!(alone.decoded().await.batch_size, 1);
    assert_eq!(behind.decoded().await.batch_size, 1);
}

#[tokio::test]
async fn a_stopped_engine_finishes_what_runs_and_hands_back_what_waits() {
    let engine = engine(Box::new(pipeline()), 1, Duration::ZERO);
    let mut running = submit(&engine, 0, 40, Company::Any).await;
    running.after_step(1).await;
    let waiting = submit(&engine, 1, 3, Company::Any).await;
    engine.stop();
    assert!(matches!(waiting.end().await.0, Some(Event::HandedBack)));
    running.decoded().await;
    tokio::time::timeout(PATIENCE, engine.leave()).await.unwrap();
}

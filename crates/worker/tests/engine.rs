//! The engine with spheres and planned faults, and once with the shipped Hunyuan3D model.
#![allow(clippy::unwrap_used)]

mod common;

use common::{PATIENCE, hunyuan, picture};
use domain::View;
use model::{Field, LoadOptions, Model, SampleRequest, Values, VertexMapping};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_util::sync::CancellationToken;
use worker::engine::{BatchOptions, Decoded, Engine, EngineFault, Event, Task};
use worker::families;
use worker::plan::Exclusivity::{self, Exclusive, Shared};

const OPTIONS: BatchOptions =
    BatchOptions { least: 1, most: 4, dynamic: true, fill: Duration::ZERO, stall: Duration::from_secs(60) };

/// Waits for all jobs of a test before the first step, so that they start as one batch.
const FILL: Duration = Duration::from_millis(300);

/// A spheres model with faults, as its configuration has them.
fn spheres(faults: &str) -> Box<dyn Model> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("spheres.json"), format!(r#"{{"faults":[{faults}]}}"#)).unwrap();
    families::load(dir.path(), &LoadOptions::default()).unwrap()
}

fn engine(model: Box<dyn Model>, options: BatchOptions) -> Arc<Engine> {
    Arc::new(Engine::start(model, options).unwrap())
}

struct Job {
    events: UnboundedReceiver<Event>,
    cancelled: CancellationToken,
}

/// Submits a job; its number is also its seed.
async fn submit(engine: &Engine, number: u32, steps: u32, exclusivity: Exclusivity) -> Job {
    let (sender, events) = unbounded_channel();
    let cancelled = CancellationToken::new();
    let request = SampleRequest { steps, guidance_scale: 2.0 + f64::from(number), seed: number.into() };
    let preprocessor = engine.preprocessor();
    let task = Task {
        input: preprocessor.preprocess(&[(View::Front, picture(number))], &request).unwrap(),
        octree_resolution: 24,
        cost: preprocessor.cost(1, 24),
        exclusivity,
        cancelled: cancelled.clone(),
        events: sender,
        span: tracing::Span::none(),
    };
    assert!(engine.submit(task).await);
    Job { events, cancelled }
}

async fn submit_all(engine: &Engine, numbers: impl IntoIterator<Item = u32>, steps: u32) -> Vec<Job> {
    let mut jobs = Vec::new();
    for number in numbers {
        jobs.push(submit(engine, number, steps, Shared).await);
    }
    jobs
}

impl Job {
    /// The last event, and the steps that were reported before it.
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
            Some(Event::Failed(failure)) => {
                assert!(failure.retryable, "{failure:?}");
                failure.code
            }
            other => panic!("{other:?}"),
        }
    }

    async fn reaches(&mut self, stage: &str, step: u32) {
        loop {
            match tokio::time::timeout(PATIENCE, self.events.recv()).await.expect("the engine answers") {
                Some(Event::Progress(progress))
                    if progress.stage == stage && progress.step.is_none_or(|taken| taken >= step) =>
                {
                    return;
                }
                Some(Event::Progress(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

/// The values of a field, bit by bit.
fn bits(field: &Field) -> Vec<u32> {
    field.dense().iter().map(|value| value.to_bits()).collect()
}

#[tokio::test]
async fn on_the_cpu_a_row_of_a_batch_equals_the_row_alone_to_the_bit() {
    const JOBS: [(u32, u32); 4] = [(0, 12), (1, 5), (2, 9), (3, 12)];
    let model = || families::load(&hunyuan(), &LoadOptions { device: model::Device::Cpu, ..LoadOptions::default() });
    let alone = engine(model().unwrap(), BatchOptions { most: 1, ..OPTIONS });
    let mut expected = Vec::new();
    for (number, steps) in JOBS {
        let decoded = submit(&alone, number, steps, Shared).await.decoded().await;
        assert_eq!(decoded.batch_size, 1);
        expected.push(bits(&decoded.field));
    }
    assert_ne!(expected[0], expected[3], "different jobs make different shapes");

    // All in one batch from the first step.
    let shared = engine(model().unwrap(), BatchOptions { fill: Duration::from_secs(1), ..OPTIONS });
    let mut together = Vec::new();
    for (number, steps) in JOBS {
        together.push(submit(&shared, number, steps, Shared).await);
    }
    for (job, expected) in together.into_iter().zip(&expected) {
        let decoded = job.decoded().await;
        assert!(decoded.batch_size >= 2);
        assert!(bits(&decoded.field) == *expected);
    }
    // Each joins at another step.
    let mut running = vec![submit(&shared, JOBS[0].0, JOBS[0].1, Shared).await];
    for (number, steps) in &JOBS[1..] {
        running.last_mut().unwrap().reaches("denoise", 2).await;
        running.push(submit(&shared, *number, *steps, Shared).await);
    }
    for (job, expected) in running.into_iter().zip(&expected) {
        assert!(bits(&job.decoded().await.field) == *expected);
    }
}

#[tokio::test]
async fn a_cancelled_row_leaves_before_the_next_step() {
    let engine = engine(spheres(r#"{"call":"step","kind":{"slow_ms":20}}"#), OPTIONS);
    let mut first = submit(&engine, 0, 200, Shared).await;
    first.reaches("denoise", 3).await;
    first.cancelled.cancel();
    let (last, steps) = first.end().await;
    assert!(last.is_none() && steps <= 6, "{last:?} after {steps} steps");
    assert_eq!(submit(&engine, 1, 3, Shared).await.decoded().await.batch_size, 1);
}

#[tokio::test]
async fn a_decoding_that_is_no_longer_wanted_is_abandoned() {
    let engine = engine(spheres(r#"{"call":"decode","kind":{"slow_ms":600000},"seed":0}"#), OPTIONS);
    let mut first = submit(&engine, 0, 2, Shared).await;
    first.reaches("decode", 0).await;
    first.cancelled.cancel();
    assert!(first.end().await.0.is_none());
    submit(&engine, 1, 2, Shared).await.decoded().await;
    // The receiver is dropped, as when a lease is lost.
    let mut lost = submit(&engine, 0, 2, Shared).await;
    lost.reaches("decode", 0).await;
    drop(lost);
    submit(&engine, 2, 2, Shared).await.decoded().await;
}

#[tokio::test]
async fn a_row_that_breaks_its_batch_fails_alone() {
    for (call, kind) in [("step", "panic"), ("step", "fail"), ("encode", "panic"), ("encode", "fail")] {
        let fault = format!(r#"{{"call":"{call}","kind":"{kind}","seed":2}}"#);
        let engine = engine(spheres(&fault), BatchOptions { fill: FILL, ..OPTIONS });
        let mut jobs = submit_all(&engine, 0..4, 5).await;
        assert_eq!(jobs.remove(2).failure_code().await, "device_error", "{fault}");
        for job in jobs {
            job.decoded().await;
        }
        assert_eq!(engine.fault(), None);
    }
}

#[tokio::test]
async fn without_memory_for_all_rows_they_step_in_smaller_groups_and_none_fails() {
    let engine = engine(
        spheres(r#"{"call":"step","kind":"out_of_memory","rows_above":2}"#),
        BatchOptions { fill: FILL, ..OPTIONS },
    );
    for _ in 0..2 {
        for job in submit_all(&engine, 0..4, 3).await {
            assert!(job.decoded().await.batch_size <= 2);
        }
    }
    assert_eq!(engine.fault(), None);
}

#[tokio::test]
async fn without_memory_in_the_encoder_inputs_are_encoded_in_smaller_groups() {
    let engine = engine(
        spheres(r#"{"call":"encode","kind":"out_of_memory","rows_above":1}"#),
        BatchOptions { fill: FILL, ..OPTIONS },
    );
    for job in submit_all(&engine, 0..4, 3).await {
        // Only failed steps lower the limit on rows.
        assert_eq!(job.decoded().await.batch_size, 4);
    }
}

#[tokio::test]
async fn a_row_that_does_not_fit_alone_fails_as_out_of_memory() {
    for call in ["encode", "step", "decode"] {
        let fault = format!(r#"{{"call":"{call}","kind":"out_of_memory","seed":1}}"#);
        let engine = engine(spheres(&fault), BatchOptions { fill: FILL, ..OPTIONS });
        let mut jobs = submit_all(&engine, 0..3, 4).await;
        assert_eq!(jobs.remove(1).failure_code().await, "out_of_memory", "{call}");
        for job in jobs {
            job.decoded().await;
        }
    }
}

#[tokio::test]
async fn a_decoding_that_runs_out_of_memory_is_repeated_alone_and_leaves_the_limit_as_it_is() {
    let faults = r#"{"call":"decode","kind":"out_of_memory","times":1},{"call":"step","kind":{"slow_ms":10}}"#;
    let engine = engine(spheres(faults), BatchOptions { fill: FILL, ..OPTIONS });
    let long = submit(&engine, 0, 30, Shared).await;
    let mut short = submit(&engine, 1, 2, Shared).await;
    short.reaches("decode", 0).await;
    assert_eq!(short.decoded().await.batch_size, 2);
    long.decoded().await;
    for job in submit_all(&engine, 0..4, 3).await {
        assert_eq!(job.decoded().await.batch_size, 4);
    }
}

#[tokio::test]
async fn a_broken_device_ends_the_engine_and_fails_every_job() {
    let engine = engine(
        spheres(r#"{"call":"step","kind":"device_fault","nth":9},{"call":"step","kind":{"slow_ms":30}}"#),
        BatchOptions { most: 2, fill: FILL, ..OPTIONS },
    );
    let mut jobs = submit_all(&engine, 0..3, 20).await;
    assert_eq!(tokio::time::timeout(PATIENCE, engine.faulted()).await.unwrap(), EngineFault::Device);
    let waiting = jobs.pop().unwrap();
    for job in jobs {
        assert_eq!(job.failure_code().await, "device_error");
    }
    assert!(matches!(waiting.end().await.0, Some(Event::HandedBack)));
    assert_eq!(engine.fault(), Some(EngineFault::Device));
    tokio::time::timeout(PATIENCE, engine.leave()).await.unwrap();
}

#[tokio::test]
async fn the_end_of_the_thread_is_a_fault() {
    // A panic outside the calls of the model, here in the destructor of a row.
    let engine = engine(spheres(r#"{"call":"drop","kind":"panic"}"#), OPTIONS);
    let job = submit(&engine, 0, 2, Shared).await;
    assert_eq!(tokio::time::timeout(PATIENCE, engine.faulted()).await.unwrap(), EngineFault::Ended);
    let (last, _) = job.end().await;
    assert!(matches!(last, None | Some(Event::Decoded(_))), "{last:?}");
    tokio::time::timeout(PATIENCE, engine.leave()).await.unwrap();
}

#[tokio::test]
async fn a_call_that_hangs_is_a_fault_and_a_busy_engine_is_not() {
    let hang = r#"{"call":"step","kind":"hang","nth":25},{"call":"step","kind":{"slow_ms":30}},
                  {"call":"decode","kind":{"slow_ms":900},"seed":1}"#;
    let engine = engine(spheres(hang), BatchOptions { stall: Duration::from_millis(400), ..OPTIONS });
    // A long decoding that makes progress.
    submit(&engine, 1, 4, Shared).await.decoded().await;
    assert_eq!(engine.fault(), None);
    let mut job = submit(&engine, 0, 30, Shared).await;
    tokio::select! {
        fault = engine.faulted() => panic!("{fault:?}, but it was busy"),
        () = job.reaches("denoise", 20) => {}
    }
    let fault = tokio::time::timeout(Duration::from_secs(30), engine.faulted()).await.unwrap();
    assert!(matches!(fault, EngineFault::Stalled { stage: "step", .. }), "{fault:?}");
    assert_eq!(engine.fault().map(|fault| fault.to_string().contains("no progress")), Some(true));
}

#[tokio::test]
async fn an_exclusive_job_runs_alone() {
    let engine = engine(spheres(r#"{"call":"step","kind":{"slow_ms":5}}"#), OPTIONS);
    let mut first = submit(&engine, 0, 30, Shared).await;
    first.reaches("denoise", 1).await;
    let (alone, behind) = (submit(&engine, 1, 3, Exclusive).await, submit(&engine, 2, 3, Shared).await);
    assert_eq!(first.decoded().await.batch_size, 1);
    assert_eq!(alone.decoded().await.batch_size, 1);
    assert_eq!(behind.decoded().await.batch_size, 1);
}

#[tokio::test]
async fn a_stopped_engine_finishes_what_runs_and_hands_back_what_waits() {
    let engine = engine(spheres(r#"{"call":"step","kind":{"slow_ms":5}}"#), BatchOptions { most: 1, ..OPTIONS });
    let mut running = submit(&engine, 0, 40, Shared).await;
    running.reaches("denoise", 1).await;
    let waiting = submit(&engine, 1, 3, Shared).await;
    engine.stop();
    assert!(matches!(waiting.end().await.0, Some(Event::HandedBack)));
    running.decoded().await;
    tokio::time::timeout(PATIENCE, engine.leave()).await.unwrap();
    assert_eq!(engine.fault(), None);
}

#[tokio::test]
async fn a_decoded_row_has_a_field_and_the_times_of_its_stages() {
    let engine = engine(spheres(""), OPTIONS);
    let decoded = submit(&engine, 3, 5, Shared).await.decoded().await;
    assert!(matches!(decoded.field.values, Values::Dense(_)));
    let stages: Vec<&str> = decoded.timings.iter().map(|timing| timing.stage.as_str()).collect();
    assert_eq!(stages, ["encode", "denoise", "decode"]);
    assert!(!decoded.field.to_mesh(0.0, VertexMapping::Corrected).is_empty());
}

//! Several models, families and workers, and engines that fail.
#![allow(clippy::unwrap_used)]

mod common;

use common::{PATIENCE, World, hunyuan, picture, png, quick};
use domain::{ImageToMesh, JobState, Parameters, View, ViewImage};
use std::time::{Duration, Instant};
use test_support::wait_until;

async fn spec(world: &World, model: Option<&str>, views: &[View], grid: u32) -> ImageToMesh {
    let mut images = Vec::new();
    for (n, view) in (0..).zip(views) {
        images.push(ViewImage { view: *view, image: world.blobs.put(png(&picture(n))).await.unwrap() });
    }
    let parameters = Parameters { octree_resolution: Some(grid), ..quick() };
    ImageToMesh { images, model: model.map(Into::into), parameters }
}

#[tokio::test]
async fn one_worker_runs_models_of_two_families_and_the_first_is_the_default() {
    let mut world = World::with_models(vec![hunyuan()]).await;
    world.models.push(world.spheres("balls", "{}"));
    let _worker = world.worker("one", &[]).await;
    wait_until("the announcement", PATIENCE, async || !world.queue.workers().await.unwrap().is_empty()).await;
    let info = world.queue.workers().await.unwrap().remove(0);
    let models: Vec<_> =
        info.models.iter().map(|model| (model.name.as_str(), model.family.as_str(), model.is_default)).collect();
    assert_eq!(models, [("orfeas-tiny", "hunyuan3d", true), ("balls", "spheres", false)]);
    let stages: Vec<&str> = info.models[1].stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(stages, ["preprocess", "encode", "denoise", "decode", "surface", "export"]);

    let mut jobs = Vec::new();
    for model in [None, Some("balls"), Some("orfeas-tiny"), Some("balls")] {
        jobs.push((model, world.submit_spec(spec(&world, model, &[View::Front], 32).await).await));
    }
    for (model, id) in jobs {
        let record = world.end(id).await;
        assert_eq!((record.state, record.attempt), (JobState::Succeeded, 1), "{:?}", record.failure);
        assert_eq!(record.result.unwrap().model, model.unwrap_or("orfeas-tiny"));
    }
}

#[tokio::test]
async fn two_models_of_one_name_or_one_of_a_name_with_a_separator_do_not_start() {
    let mut world = World::with_models(Vec::new()).await;
    for (directories, reason) in
        [(vec!["a/same", "b/same"], "another model has the same name"), (vec!["two\nlines"], "is not a name")]
    {
        world.models = directories.iter().map(|name| world.spheres(name, "{}")).collect();
        let output = world.run(&[]);
        let line = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(3) && line.contains(reason), "{line}");
    }
}

#[tokio::test]
async fn a_job_of_two_steps_runs_on_two_workers_and_has_one_result() {
    let mut world = World::with_models(Vec::new()).await;
    let mut workers = Vec::new();
    for name in ["first", "second"] {
        world.models = vec![world.spheres(name, "{}")];
        workers.push(world.worker(name, &[]).await);
    }
    let first = spec(&world, Some("first"), &[View::Front], 32).await;
    let second = spec(&world, Some("second"), &[View::Front], 64).await;
    let id = world.submit_steps(first, vec![second]).await;
    let record = world.end(id).await;
    assert_eq!((record.state, record.attempt), (JobState::Succeeded, 1), "{:?}", record.failure);
    let result = record.result.unwrap();
    assert_eq!((result.model.as_str(), result.octree_resolution), ("second", 64));
    let roles: Vec<&str> = result.artifacts.iter().map(|artifact| artifact.role.as_str()).collect();
    assert_eq!(roles, ["mesh", "thumbnail"], "artifacts of the last step replace those of the first");
    workers[0].wait_for_line("handed over to the next step", PATIENCE).await;

    let expected = [
        (JobState::Queued, 0),
        (JobState::Running, 1),
        (JobState::Queued, 0),
        (JobState::Running, 1),
        (JobState::Succeeded, 1),
    ];
    assert_eq!(world.story(id).await, expected);
    let progress = world.events(id).await.into_iter().filter_map(|event| event.progress);
    let fractions: Vec<f64> = progress.map(|progress| progress.fraction).collect();
    assert!(fractions.is_sorted() && fractions.last().is_some_and(|last| *last >= 0.5), "{fractions:?}");
    assert_eq!(world.queue.counters().await.unwrap().succeeded, 1);
}

#[tokio::test]
async fn in_a_mixed_fleet_every_job_runs_where_it_can_at_the_first_attempt() {
    let mut world = World::with_models(Vec::new()).await;
    let small = world.spheres("small", r#"{"max_octree_resolution":64}"#);
    let views = world.spheres("views", r#"{"multi_view":true,"max_octree_resolution":160}"#);
    world.models = vec![small];
    let _small = world.worker("small", &[]).await;
    world.models = vec![views];
    let _views = world.worker("views", &[]).await;
    let kinds: [(Option<&str>, &[View], u32); 5] = [
        (None, &[View::Front], 32),
        (None, &[View::Front], 128),
        (None, &[View::Front, View::Back], 32),
        (Some("small"), &[View::Front], 64),
        (Some("views"), &[View::Left], 96),
    ];
    let mut jobs = Vec::new();
    for n in 0..40 {
        let (model, views, grid) = kinds[n % kinds.len()];
        jobs.push((n % kinds.len(), world.submit_spec(spec(&world, model, views, grid).await).await));
    }
    for (kind, id) in jobs {
        let record = world.end(id).await;
        assert_eq!((record.state, record.attempt), (JobState::Succeeded, 1), "{kind}: {:?}", record.failure);
        let model = record.result.unwrap().model;
        assert!(kind == 0 || model == if kind == 3 { "small" } else { "views" }, "{kind} ran with {model}");
    }
}

#[tokio::test]
async fn a_hung_engine_ends_its_process_and_another_worker_takes_the_job() {
    let mut world = World::with_models(Vec::new()).await;
    world.models = vec![world.spheres("model", r#"{"faults":[{"call":"step","kind":"hang","nth":3}]}"#)];
    let file = world.folder.path().join("address");
    let listen = ["--listen", "127.0.0.1:0", "--addr-file", file.to_str().unwrap()];
    let options = ["--stall-seconds", "2", "--lease-seconds", "1"];
    let hung = world.worker("hung", &[&listen[..], &options].concat()).await;
    let id = world.submit(png(&picture(0)), quick()).await;
    let start = Instant::now();
    wait_until("the end of the process", PATIENCE, async || hung.ended().is_some()).await;
    assert_eq!(hung.ended().unwrap().code(), Some(70));
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    hung.wait_for_line("has made no progress", PATIENCE).await;

    world.models = vec![world.spheres("model", "{}")];
    let _sound = world.worker("sound", &["--lease-seconds", "1"]).await;
    let record = world.end(id).await;
    assert_eq!((record.state, record.attempt), (JobState::Succeeded, 2), "{:?}", record.failure);
}

#[tokio::test]
async fn a_dead_engine_ends_its_process_and_takes_no_further_jobs() {
    let mut world = World::with_models(Vec::new()).await;
    world.models = vec![world.spheres("model", r#"{"faults":[{"call":"drop","kind":"panic","times":1}]}"#)];
    let dead = world.worker("dead", &["--batch-size-max", "1", "--lease-seconds", "1"]).await;
    let mut jobs = Vec::new();
    for n in 0..6 {
        jobs.push(world.submit(png(&picture(n)), quick()).await);
    }
    wait_until("the end of the process", PATIENCE, async || dead.ended().is_some()).await;
    assert_eq!(dead.ended().unwrap().code(), Some(70));
    world.models = vec![world.spheres("model", "{}")];
    let _sound = world.worker("sound", &["--lease-seconds", "1"]).await;
    let mut attempts = 0;
    for id in jobs {
        let record = world.end(id).await;
        assert_eq!(record.state, JobState::Succeeded, "{:?}", record.failure);
        attempts += record.attempt;
    }
    // At most the running job and the next one used an attempt on the dead engine.
    assert!(attempts <= 8, "{attempts}");
}

#[tokio::test]
async fn a_device_fault_ends_the_process_and_running_out_of_memory_does_not() {
    let mut world = World::with_models(Vec::new()).await;
    let faults = r#"{"faults":[{"call":"step","kind":"out_of_memory","rows_above":1},
                               {"call":"step","kind":"device_fault","seed":99}]}"#;
    world.models = vec![world.spheres("model", faults)];
    let options = ["--batch-size-max", "4", "--batch-timeout-seconds", "0.5", "--lease-seconds", "1"];
    let worker = world.worker("one", &options).await;
    let mut jobs = Vec::new();
    for n in 0..4 {
        jobs.push(world.submit(png(&picture(n)), quick()).await);
    }
    for id in jobs {
        let record = world.end(id).await;
        assert_eq!((record.state, record.attempt), (JobState::Succeeded, 1), "{:?}", record.failure);
    }
    assert!(worker.ended().is_none());
    world.submit(png(&picture(0)), Parameters { seed: Some(99), ..quick() }).await;
    wait_until("the end of the process", PATIENCE, async || worker.ended().is_some()).await;
    assert_eq!(worker.ended().unwrap().code(), Some(70));
}

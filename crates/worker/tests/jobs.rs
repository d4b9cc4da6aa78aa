//! Jobs that run through a real worker, Redis and blob store.
#![allow(clippy::unwrap_used)]

mod common;

use common::{PATIENCE, World, hunyuan, looks_like, picture, png, quick, slow};
use domain::{JobState, MeshFormat, Parameters};
use std::time::Instant;
use test_support::wait_until;

#[tokio::test]
async fn a_picture_becomes_a_mesh_in_every_format() {
    let world = World::with_models(vec![hunyuan()]).await;
    let worker = world.worker("one", &[]).await;
    let loaded = worker.wait_for_line("model loaded", PATIENCE).await;
    assert!(loaded.contains("\"device\":\"cpu\"") && loaded.contains("\"dtype\":\"f32\""), "{loaded}");
    for format in [MeshFormat::GLB, MeshFormat::OBJ, MeshFormat::STL] {
        let id = world.submit(png(&picture(0)), Parameters { format: Some(format), ..quick() }).await;
        let record = world.end(id).await;
        assert_eq!((record.state, record.attempt, &record.failure), (JobState::Succeeded, 1, &None));
        let result = record.result.clone().unwrap();
        let file = world.mesh(&record).await;
        assert!(looks_like(format, &file) && file.len() as u64 == result.artifact("mesh").unwrap().bytes, "{format:?}");
        assert!(world.blobs.get(&result.artifact("thumbnail").unwrap().blob).await.unwrap().starts_with(b"\x89PNG"));
        assert!(result.quality.faces > 100 && result.quality.degenerate_faces == 0, "{:?}", result.quality);
        assert_eq!((result.seed, result.steps, result.octree_resolution, result.batch_size), (7, 4, 32, 1));
        assert_eq!(result.model, "orfeas-tiny");
        const STAGES: [&str; 6] = ["preprocess", "encode", "denoise", "decode", "surface", "export"];
        let timed: Vec<&str> = result.timings.iter().map(|timing| timing.stage.as_str()).collect();
        assert_eq!(timed[1..], STAGES);
        assert!(result.timings[1..].iter().all(|t| t.seconds > 0.0 && t.seconds < 30.0), "{:?}", result.timings);

        let progress: Vec<_> = world.events(id).await.into_iter().filter_map(|event| event.progress).collect();
        let mut stages: Vec<&str> = progress.iter().map(|progress| progress.stage.as_str()).collect();
        stages.dedup();
        // Only the latest progress is written, so short stages may be missing.
        let mut known = STAGES.iter();
        assert!(!stages.is_empty() && stages.iter().all(|stage| known.any(|known| known == stage)), "{stages:?}");
        assert!(progress.iter().map(|progress| progress.fraction).is_sorted(), "{progress:?}");
    }
}

#[tokio::test]
async fn parameters_that_are_not_given_are_those_of_the_model() {
    let world = World::new().await;
    let _worker = world.worker("one", &[]).await;
    let id = world.submit(png(&picture(1)), Parameters::default()).await;
    let record = world.end(id).await;
    let result = record.result.unwrap_or_else(|| panic!("{:?}", record.failure));
    let worker = world.queue.workers().await.unwrap().remove(0);
    let info = &worker.models[0];
    assert_eq!((info.name.as_str(), info.family.as_str(), info.is_default), ("spheres", "spheres", true));
    let own = (info.steps, info.octree_resolution, info.guidance_scale);
    assert_eq!((result.steps, result.octree_resolution, result.guidance_scale), own);
    assert_eq!((result.model, result.model_digest), (info.name.clone(), info.digest.clone()));
}

#[tokio::test]
async fn a_job_whose_grid_does_not_fit_is_not_leased() {
    let world = World::new().await;
    let _worker = world.worker("one", &["--max-octree-resolution", "64", "--max-attempts", "1"]).await;
    let announced =
        async || world.queue.workers().await.unwrap().first().map(|worker| worker.models[0].max_octree_resolution);
    wait_until("the announcement", PATIENCE, async || announced().await == Some(64)).await;
    let fine = world.submit(png(&picture(0)), Parameters { octree_resolution: Some(65), ..quick() }).await;
    let coarse = world.submit(png(&picture(0)), Parameters { octree_resolution: Some(64), ..quick() }).await;
    assert_eq!(world.end(coarse).await.state, JobState::Succeeded);
    // The job with the finer grid was submitted first and is not leased.
    let entry = world.queue.entry(fine).await.unwrap().unwrap();
    assert!(entry.state == JobState::Queued && entry.position.no_worker, "{entry:?}");
}

#[tokio::test]
async fn a_face_budget_is_kept() {
    let world = World::new().await;
    let _worker = world.worker("one", &[]).await;
    let whole = world.submit(png(&picture(1)), quick()).await;
    let few = world.submit(png(&picture(1)), Parameters { face_budget: Some(300), ..quick() }).await;
    let (whole, few) = (world.end(whole).await.result.unwrap(), world.end(few).await.result.unwrap());
    assert!(whole.quality.faces > 300 && (100..=300).contains(&few.quality.faces), "{:?}", few.quality);
    assert!(few.artifact("mesh").unwrap().bytes < whole.artifact("mesh").unwrap().bytes);
}

#[tokio::test]
async fn waiting_jobs_share_a_batch_and_results_equal_those_of_single_runs() {
    let world = World::new().await;
    let parameters = |n: u32| Parameters { seed: Some(n.into()), steps: Some(6 + 3 * n), ..quick() };
    let mut together = Vec::new();
    for n in 0..3 {
        together.push(world.submit(png(&picture(n)), parameters(n)).await);
    }
    let _worker = world.worker("one", &["--batch-size-max", "4", "--batch-timeout-seconds", "1"]).await;
    let mut shared = Vec::new();
    for id in together {
        let record = world.end(id).await;
        shared.push(record.result.unwrap_or_else(|| panic!("{:?}", record.failure)));
    }
    for (n, shared) in (0..).zip(shared) {
        assert_eq!(shared.batch_size, 3);
        let alone = world.submit(png(&picture(n)), parameters(n)).await;
        let alone = world.end(alone).await.result.unwrap();
        assert_eq!(alone.batch_size, 1);
        // Sums may be computed in another order, but the shape is the same.
        assert!(shared.quality.faces.abs_diff(alone.quality.faces) <= alone.quality.faces / 1000, "job {n}");
        assert!((shared.quality.volume - alone.quality.volume).abs() < 1e-4, "job {n}");
        assert!((shared.quality.area - alone.quality.area).abs() < 1e-3, "job {n}");
    }
}

#[tokio::test]
async fn a_job_joins_a_batch_that_is_running() {
    let world = World::new().await;
    let _worker = world.worker("one", &[]).await;
    let first = world.submit(png(&picture(0)), slow()).await;
    world.under_way(first).await;
    let second = world.submit(png(&picture(1)), quick()).await;
    let second = world.end(second).await;
    assert_eq!(second.result.unwrap().batch_size, 2);
    // The short job ends before the long one.
    assert_eq!(world.record(first).await.state, JobState::Running);
    assert_eq!(world.end(first).await.result.unwrap().batch_size, 2);
}

#[tokio::test]
async fn a_cancelled_job_leaves_the_batch_within_a_few_steps() {
    let world = World::new().await;
    let _worker = world.worker("one", &["--batch-size-max", "1"]).await;
    let id = world.submit(png(&picture(0)), slow()).await;
    world.under_way(id).await;
    let before = world.record(id).await.progress.unwrap().step.unwrap();
    let asked = Instant::now();
    assert_eq!(world.queue.cancel(id).await.unwrap(), JobState::Running);
    assert_eq!(world.end(id).await.state, JobState::Cancelled);
    let taken = world.events(id).await.iter().filter_map(|event| event.progress.as_ref()?.step).max().unwrap();
    // Progress is reported every 50 ms at most, and the request takes a few steps to arrive.
    assert!(taken <= before + 8, "cancelled at step {before}, stopped after {taken}, {:?}", asked.elapsed());
    // The slot is free at once.
    let next = world.submit(png(&picture(0)), quick()).await;
    assert_eq!(world.end(next).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn an_impossible_job_fails_once_with_its_reason() {
    let world = World::new().await;
    let _worker = world.worker("one", &[]).await;
    let empty = world.blobs.put(png(&image::RgbaImage::new(64, 64))).await.unwrap();
    let text = world.blobs.put("no picture".into()).await.unwrap();
    let nowhere = "0".repeat(64).parse().unwrap();
    for (image, code) in [(empty, "image_empty"), (text, "image_undecodable"), (nowhere, "image_gone")] {
        let id = world.submit_stored(image, quick()).await;
        let record = world.end(id).await;
        let failure = record.failure.unwrap();
        assert_eq!((record.state, record.attempt), (JobState::Failed, 1));
        assert_eq!((failure.code.as_str(), failure.retryable), (code, false), "{}", failure.detail);
        assert!(failure.detail.ends_with('.') && !failure.detail.contains('/'), "{}", failure.detail);
    }
    let next = world.submit(png(&picture(0)), quick()).await;
    assert_eq!(world.end(next).await.state, JobState::Succeeded);
}

#[tokio::test]
async fn probes_report_liveness_readiness_and_metrics() {
    let world = World::new().await;
    let file = world.folder.path().join("address");
    let listen = ["--listen", "127.0.0.1:0", "--addr-file", file.to_str().unwrap()];
    let worker = world.worker("one", &listen).await;
    wait_until("the address", PATIENCE, async || file.exists()).await;
    let base = format!("http://{}", std::fs::read_to_string(&file).unwrap());
    worker.wait_ready(&format!("{base}/readyz"), PATIENCE).await;
    worker.wait_ready(&format!("{base}/livez"), PATIENCE).await;
    let id = world.submit(png(&picture(0)), quick()).await;
    world.end(id).await;
    let get = async |path: &str| {
        let answer = reqwest::get(format!("{base}{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, metrics) = get("/metrics").await;
    assert_eq!(status, 200);
    for line in [
        "orfeas_model_load_seconds{model=\"spheres\",device=\"cpu\",dtype=\"f32\"}",
        "orfeas_jobs_finished_total{outcome=\"succeeded\"} 1",
        "orfeas_step_seconds_count 4",
        "orfeas_stage_seconds_count{stage=\"decode\"} 1",
        "orfeas_queue_wait_seconds_count 1",
        "orfeas_jobs_held 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    world.redis.pause();
    assert_eq!(get("/readyz").await.0, 503);
    assert_eq!(get("/livez").await.0, 200);
    world.redis.resume();
    worker.wait_ready(&format!("{base}/readyz"), PATIENCE).await;
}

//! Idempotency: keys, names, and results that were made before.

use crate::pictures::{disc, encode, png};
use crate::world::{World, problem};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{MeshFormat, ModelInfo, WorkerInfo};
use image::ImageFormat;
use queue::LeaseOptions;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;

fn body(seed: Option<u64>) -> Value {
    json!({ "image": STANDARD.encode(png()), "seed": seed, "steps": 7 })
}

async fn accepted(request: RequestBuilder) -> Value {
    let answer: Response = request.send().await.unwrap();
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}

/// On a busy machine the gateway and its Redis cannot answer all of these in time: clients get a retryable problem or lose
/// their connection, and send the same request again.
async fn accepted_after_retries(request: RequestBuilder) -> Value {
    for _ in 0..100 {
        match request.try_clone().unwrap().send().await {
            Ok(answer) if answer.status() != 503 => {
                assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
                return answer.json().await.unwrap();
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("it was refused a hundred times");
}

fn put(world: &World, name: &str) -> RequestBuilder {
    world.client.put(world.url(&format!("/api/v1/jobs/{name}"))).bearer_auth(&world.keys[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn simultaneous_duplicates_make_one_job() {
    let world = World::with(&["--body-timeout-seconds=600"]).await;
    let requests = (0..2000).map(|n| {
        let (keyed, named) = (world.post().header("idempotency-key", "order-7"), put(&world, "order-7"));
        accepted_after_retries(if n % 2 == 0 { keyed } else { named }.json(&body(None)))
    });
    let answers = futures_util::future::join_all(requests).await;
    let of =
        |k: usize| answers.iter().skip(k).step_by(2).map(|a| a["job_id"].as_str().unwrap()).collect::<HashSet<_>>();
    assert_eq!((of(0).len(), of(1).len()), (1, 1), "one for the key, one for the name");
    assert!(of(0).is_disjoint(&of(1)));
    let seeds: HashSet<u64> = answers.iter().step_by(2).map(|answer| answer["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds.len(), 1, "each answer has the seed of the one job");
    assert_eq!(world.queue().await.depth().await.unwrap().queued, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_with_another_request_is_refused_in_any_format() {
    let world = World::new().await;
    let keyed = || world.post().header("idempotency-key", "k");
    let first = accepted(keyed().json(&body(Some(1)))).await;
    // The same image and parameters as form data: another boundary, another order, the same request.
    let fields = reqwest::multipart::Form::new()
        .text("steps", "7")
        .text("seed", "1")
        .part("image", reqwest::multipart::Part::bytes(png()));
    assert_eq!(accepted(keyed().multipart(fields)).await["job_id"], first["job_id"]);
    // Quoted, as in the draft of the header.
    let quoted = world.post().header("idempotency-key", "\"k\"").json(&body(Some(1)));
    assert_eq!(accepted(quoted).await["job_id"], first["job_id"]);

    let other_picture = json!({ "image": STANDARD.encode(encode(disc(80), ImageFormat::Png)), "seed": 1, "steps": 7 });
    for other in [body(Some(2)), body(None), other_picture] {
        let refused = problem(keyed().json(&other).send().await.unwrap()).await;
        assert_eq!((&refused["code"], &refused["status"]), (&"idempotency_conflict".into(), &422.into()), "{refused}");
    }
    for wrong in ["", "a b", "ä", "\"", &"k".repeat(129)] {
        let request = world.post().header("idempotency-key", wrong.as_bytes()).json(&body(None));
        assert_eq!(problem(request.send().await.unwrap()).await["code"], "invalid_idempotency_key", "{wrong}");
    }
    let twice = keyed().header("idempotency-key", "l").json(&body(None));
    assert_eq!(problem(twice.send().await.unwrap()).await["code"], "invalid_idempotency_key");
    // Another tenant may use the same key.
    let theirs = world.client.post(world.url(crate::world::GENERATE)).bearer_auth(&world.keys[1]);
    let theirs = accepted(theirs.header("idempotency-key", "k").json(&body(Some(9)))).await;
    assert_ne!(theirs["job_id"], first["job_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_known_by_its_name() {
    let world = World::new().await;
    let job = accepted(put(&world, "mug:2026.10~1").json(&body(None))).await;
    let again = accepted(put(&world, "mug:2026.10~1").json(&body(None))).await;
    assert_eq!((&again["job_id"], &again["seed"]), (&job["job_id"], &job["seed"]));
    // Names belong to a tenant: bob has no job of this name.
    assert_eq!(problem(world.delete("mug:2026.10~1", 1).send().await.unwrap()).await["code"], "job_not_found");
    let gone: Value = world.delete("mug:2026.10~1", 0).send().await.unwrap().json().await.unwrap();
    assert_eq!((&gone["job_id"], &gone["status"]), (&job["job_id"], &"cancelled".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeatable_request_attaches_to_the_same_job_or_gets_its_result() {
    let world = World::new().await;
    let queue = world.queue().await;
    // A result is reused for the same model only, so a worker has to announce one.
    let worker =
        queue.worker(worker_info(256), LeaseOptions { lease: Duration::from_secs(30), max_attempts: 1 }).await.unwrap();
    let first = accepted(world.post().json(&body(Some(5)))).await;
    let second = accepted(put(&world, "mine").json(&body(Some(5)))).await;
    assert_eq!(second["job_id"], first["job_id"], "attached while it waits");
    assert_eq!(second.get("cached"), None);
    let lease = worker.lease(1, Duration::from_secs(5)).await.unwrap().remove(0);
    assert_eq!(lease.job().id.to_string(), first["job_id"]);
    let [mesh, thumbnail] = ["5", "6"].map(|digit| digit.repeat(64).parse().unwrap());
    lease.succeed(&test_support::result(mesh, thumbnail, MeshFormat::GLB, 1)).await.unwrap();

    let cached = accepted(world.post().json(&body(Some(5)))).await;
    assert_eq!((&cached["job_id"], &cached["cached"]), (&first["job_id"], &true.into()));
    assert_eq!(
        (&cached["status"], &cached["result"]["artifacts"][0]["digest"]),
        (&"succeeded".into(), &"5".repeat(64).into())
    );
    // The name leads to the job that answered; once it has ended, there is nothing left to cancel.
    assert_eq!(problem(world.delete("mine", 0).send().await.unwrap()).await["code"], "job_finished");

    let form = world.post_form(&png(), &[("seed", "5"), ("steps", "7"), ("cache", "true")]);
    assert_eq!(accepted(form).await["job_id"], first["job_id"], "a form counts as the same request");
    let mut fresh = body(Some(5));
    fresh["cache"] = false.into();
    let theirs = world.client.post(world.url(crate::world::GENERATE)).bearer_auth(&world.keys[1]);
    for request in [
        world.post().json(&fresh),
        world.post_form(&png(), &[("seed", "5"), ("steps", "7"), ("cache", "false")]),
        world.post().header("cache-control", "max-age=0, no-cache").json(&body(Some(5))),
        world.post().json(&body(Some(6))),
        world.post().json(&body(None)),
        world.post().json(&body(None)),
        theirs.json(&body(Some(5))),
    ] {
        let new = accepted(request).await;
        assert_eq!((&new["status"], new["job_id"] == first["job_id"]), (&"queued".into(), false), "{new}");
    }
    let metrics = world.get("/metrics").send().await.unwrap().text().await.unwrap();
    for how in ["new", "attached", "cached"] {
        assert!(metrics.contains(&format!("orfeas_jobs_submitted_total{{outcome=\"{how}\"}}")), "{how}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grid_that_is_too_fine_for_all_live_workers_is_refused() {
    let world = World::new().await;
    let queue = world.queue().await;
    let ask = |resolution: u32| world.post_form(&png(), &[("octree_resolution", &*resolution.to_string())]);
    assert_eq!(ask(512).send().await.unwrap().status(), 202, "without any worker, one may yet start");
    // The gateway looks for workers once a second.
    let mut answer = None;
    test_support::wait_until("the gateway to list the worker", Duration::from_secs(30), async || {
        queue.announce(&worker_info(128)).await.unwrap();
        let sent = ask(129).send().await.unwrap();
        let is_refused = sent.status() != 202;
        answer = Some(sent);
        is_refused
    })
    .await;
    let refused = problem(answer.unwrap()).await;
    assert_eq!((&refused["code"], &refused["parameter"]), (&"no_worker_fits".into(), &"octree_resolution".into()));
    assert!(refused["detail"].as_str().unwrap().contains("128"), "{refused}");
    assert_eq!(ask(128).send().await.unwrap().status(), 202);
}

fn worker_info(max_octree_resolution: u32) -> WorkerInfo {
    let model = ModelInfo {
        name: "tiny".to_owned(),
        digest: "d".repeat(64),
        max_octree_resolution,
        is_default: true,
        ..ModelInfo::default()
    };
    let mut info = WorkerInfo { slots: 4, models: vec![model], ..crate::world::worker_info() };
    info.capabilities[0].max_grid = max_octree_resolution;
    info
}

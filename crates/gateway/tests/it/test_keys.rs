//! Test keys: simulated jobs, and every failure on demand.

use crate::agents::{Agent, add};
use crate::pictures::png;
use crate::world::{GENERATE, World, problem};
use access::{Mode, Overrides};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blobs::{BlobOptions, Blobs};
use domain::{Class, JobId, JobRecord, JobState};
use queue::Queue;
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use std::time::Duration;
use test_support::wait_until;

pub(crate) async fn submit(world: &World, key: &str, scenario: Option<&str>, format: &str) -> JobId {
    let request = world.client.post(world.url(GENERATE)).bearer_auth(key);
    let request = request.json(&json!({ "image": STANDARD.encode(png()), "format": format }));
    let answer = match scenario {
        Some(scenario) => request.header("x-test-scenario", scenario),
        None => request,
    };
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    answer.json::<Value>().await.unwrap()["job_id"].as_str().unwrap().parse().unwrap()
}

pub(crate) async fn ended(queue: &Queue, job: JobId) -> JobRecord {
    let record = async || queue.record(job).await.unwrap().unwrap();
    wait_until("a simulated job to end", Duration::from_secs(30), async || record().await.state.is_terminal()).await;
    record().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulated_job_has_a_mesh_in_each_format_and_is_leased_by_no_worker() {
    let world = World::new().await;
    let (owner, key, _) = add(&world, "tester", Class::User, Mode::Test, Overrides::default()).await;
    let (queue, blobs) =
        (world.queue().await, Blobs::open(&BlobOptions::at(world.blobs_directory().to_str().unwrap())));
    let blobs = blobs.unwrap();
    let worker = queue.worker(crate::world::worker_info(), queue::LeaseOptions::default()).await.unwrap();
    for (format, begins) in [("glb", &b"glTF"[..]), ("obj", b"# ORFEAS"), ("stl", b"")] {
        let job = submit(&world, &key, None, format).await;
        assert!(worker.lease(1, Duration::from_millis(50)).await.unwrap().is_empty());
        let record = ended(&queue, job).await;
        assert_eq!((record.state, record.job.class, &record.job.owner), (JobState::Succeeded, Class::Test, &owner));
        let result = record.result.unwrap();
        assert!(blobs.get(&result.artifacts[0].blob).await.unwrap().starts_with(begins));
        assert!(blobs.get(&result.artifacts[1].blob).await.unwrap().starts_with(b"\x89PNG"));
        assert_eq!(Some(result.seed), record.job.parameters().unwrap().seed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_fail_are_retried_or_never_end_by_scenario() {
    let world = World::new().await;
    let (_, key, _) = add(&world, "tester", Class::User, Mode::Test, Overrides::default()).await;
    let queue = world.queue().await;
    let never = submit(&world, &key, Some("never"), "glb").await;
    let (retry, fails, lost) = tokio::join!(
        submit(&world, &key, Some("retry"), "glb"),
        submit(&world, &key, Some("fail:no_surface"), "glb"),
        submit(&world, &key, Some("fail:worker_lost"), "glb"),
    );
    let (retry, fails, lost) = tokio::join!(ended(&queue, retry), ended(&queue, fails), ended(&queue, lost));
    assert_eq!((retry.state, retry.attempt), (JobState::Succeeded, 2));
    assert_eq!((fails.state, fails.attempt, &*fails.failure.unwrap().code), (JobState::Failed, 1, "no_surface"));
    assert_eq!((lost.state, lost.attempt, &*lost.failure.unwrap().code), (JobState::Failed, 3, "worker_lost"));

    let state = async || queue.record(never).await.unwrap().unwrap().state;
    assert_eq!(state().await, JobState::Running);
    let delete = world.client.delete(world.url(&format!("/api/v1/jobs/{never}"))).bearer_auth(&key);
    assert_eq!(delete.send().await.unwrap().status(), 202);
    wait_until("it to stop", Duration::from_secs(20), async || state().await == JobState::Cancelled).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_the_table_can_be_simulated() {
    let world = World::new().await;
    let (_, key, _) = add(&world, "tester", Class::User, Mode::Test, Overrides::default()).await;
    let agent = Agent::new(&world, "test-robot", Mode::Test).await;
    let image = json!({ "image": STANDARD.encode(png()) });
    for kind in http_api::codes::ALL {
        let bearer = |request: RequestBuilder| request.bearer_auth(&key).header("x-test-scenario", kind.code);
        for request in [
            bearer(world.client.post(world.url(GENERATE)).json(&image)),
            bearer(world.client.get(world.url("/api/v1/limits"))),
        ] {
            let simulated = problem(request.send().await.unwrap()).await;
            assert_eq!((&simulated["code"], &simulated["status"]), (&kind.code.into(), &kind.status.into()));
        }
        let request = agent.post("/api/agent/generate-3d").header("x-test-scenario", kind.code).json(&image);
        assert_eq!(problem(agent.send(request).await).await["code"], kind.code);
    }
    assert_eq!(world.stored(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn scenarios_are_for_test_keys_and_must_be_known() {
    let world = World::new().await;
    let (_, key, _) = add(&world, "tester", Class::User, Mode::Test, Overrides::default()).await;
    for (key, scenario) in [(&world.keys[0], "success"), (&key, "succes"), (&key, "fail:x"), (&key, "")] {
        let request = world.client.post(world.url(GENERATE)).bearer_auth(key).header("x-test-scenario", scenario);
        let refused = problem(request.json(&json!({ "image": STANDARD.encode(png()) })).send().await.unwrap()).await;
        assert_eq!(refused["code"], "unknown_scenario", "{scenario}");
    }
    assert_eq!(world.stored(), 0);
}

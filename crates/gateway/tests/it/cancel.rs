//! Jobs are cancelled, by their owners only.

use crate::pictures::png;
use crate::world::{World, problem};
use domain::{Failure, JobState};
use queue::LeaseOptions;
use serde_json::Value;
use std::time::Duration;

async fn submit(world: &World) -> String {
    let body: Value = world.post_form(&png(), &[]).send().await.unwrap().json().await.unwrap();
    body["job_id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_job_is_cancelled_at_once() {
    let world = World::new().await;
    let job = submit(&world).await;
    for _ in 0..2 {
        let answer = world.delete(&job, 0).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let body: Value = answer.json().await.unwrap();
        assert_eq!((&body["job_id"], &body["status"]), (&job.as_str().into(), &"cancelled".into()));
    }
    let state = world.queue().await.record(job.parse().unwrap()).await.unwrap().unwrap().state;
    assert_eq!(state, JobState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_of_another_tenant_is_not_found() {
    let world = World::new().await;
    let job = submit(&world).await;
    let (theirs, unknown) = (world.delete(&job, 1), world.delete("01996bd4-79c1-7f54-a4f5-1f7a8a1b8a10", 1));
    let (mut theirs, mut unknown) =
        (problem(theirs.send().await.unwrap()).await, problem(unknown.send().await.unwrap()).await);
    assert_eq!(theirs["code"], "job_not_found");
    theirs["request_id"] = Value::Null;
    unknown["request_id"] = Value::Null;
    assert_eq!(theirs, unknown, "the two answers are the same");
    let state = world.queue().await.record(job.parse().unwrap()).await.unwrap().unwrap().state;
    assert_eq!(state, JobState::Queued);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_job_is_stopped_and_an_ended_one_is_not() {
    let world = World::new().await;
    let queue = world.queue().await;
    let job = submit(&world).await;
    let lease_options = LeaseOptions { lease: Duration::from_secs(10), max_attempts: 1 };
    let worker = queue.worker(crate::world::worker_info(), lease_options).await.unwrap();
    let lease = worker.lease(1, Duration::from_secs(5)).await.unwrap().remove(0);
    let answer = world.delete(&job, 0).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.json::<Value>().await.unwrap()["status"], "running");
    drop(lease);

    let job = submit(&world).await;
    let lease = worker.lease(1, Duration::from_secs(5)).await.unwrap().remove(0);
    assert_eq!(lease.job().id.to_string(), job);
    let failure = Failure { code: "no_surface".into(), detail: "Nothing was found.".into(), retryable: false };
    lease.fail(&failure).await.unwrap();
    let answer = problem(world.delete(&job, 0).send().await.unwrap()).await;
    assert_eq!(answer["code"], "job_finished");
}

//! The view of a job in each state.

use crate::world::World;
use domain::{Failure, JobId, MeshFormat, Progress};
use serde_json::Value;

/// The view without what differs from run to run.
fn still(mut view: Value, job: JobId) -> Value {
    view = serde_json::from_str(&view.to_string().replace(&job.to_string(), "ID")).unwrap();
    for time in ["started_ms", "finished_ms"] {
        if view[time].as_u64().is_some_and(|time| time > 1_750_000_000_000) {
            view[time] = "TIME".into();
        }
    }
    view
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_succeeds() {
    let world = World::new().await;
    let first = world.submit().await;
    let second = world.submit().await;
    assert_eq!(world.view(first).await["position"], 1);
    assert_eq!(world.view(second).await["position"], 2);
    insta::assert_json_snapshot!("queued", still(world.view(first).await, first));

    let lease = world.worker().await.lease(1, std::time::Duration::from_secs(5)).await.unwrap().remove(0);
    assert_eq!(world.view(second).await["position"], 1);
    lease.progress(&Progress::stage("encode")).await.unwrap();
    assert_eq!(world.view(first).await["stage"], "encode");
    lease.progress(&Progress::steps("denoise", 5, 20).with_fraction(0.1875)).await.unwrap();
    insta::assert_json_snapshot!("running", still(world.view(first).await, first));

    lease.succeed(&world.result(MeshFormat::GLB, b"glTF").await).await.unwrap();
    insta::assert_json_snapshot!("succeeded", still(world.view(first).await, first));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_at_once_and_one_that_is_tried_again() {
    let world = World::new().await;
    let (job, lease) = world.running().await;
    lease.progress(&Progress::steps("denoise", 5, 20).with_fraction(0.1875)).await.unwrap();
    let failure = Failure { code: "no_surface".into(), detail: "There is no surface.".into(), retryable: false };
    lease.fail(&failure).await.unwrap();
    insta::assert_json_snapshot!("failed", still(world.view(job).await, job));

    let (job, lease) = world.running().await;
    lease.progress(&Progress::steps("denoise", 5, 20).with_fraction(0.1875)).await.unwrap();
    lease.fail(&Failure { retryable: true, ..failure }).await.unwrap();
    let view = world.view(job).await;
    assert_eq!((&view["status"], &view["attempt"]), (&"queued".into(), &1.into()), "{view}");
    assert_eq!(view["progress"], 0.0, "a job that waits again has done nothing: {view}");
    assert!(view.get("stage").is_none() && view["position"].is_u64(), "{view}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_cancelled() {
    let world = World::new().await;
    let job = world.submit().await;
    world.queue.cancel(job).await.unwrap();
    insta::assert_json_snapshot!("cancelled", still(world.view(job).await, job));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_is_understood_in_every_spelling() {
    let world = World::new().await;
    let job = world.submit().await;
    let id = job.to_string();
    for spelling in [id.to_uppercase(), id.replace('-', ""), id.replace('-', "").to_uppercase()] {
        for path in [
            format!("/api/v1/jobs/{spelling}"),
            format!("/api/v1/jobs/{spelling}/"),
            format!("/api/v1/status/{spelling}"),
        ] {
            let view: Value = world.get(&path).send().await.unwrap().json().await.unwrap();
            assert_eq!(view["job_id"], id.as_str(), "{path}");
        }
    }
}

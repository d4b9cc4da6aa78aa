//! Lists: the caller's jobs, and those of a batch.

use crate::world::{World, job, problem};
use domain::{BatchId, Job, JobId, JobState, MeshFormat};
use queue::Submission;
use serde_json::Value;
use std::collections::HashSet;

async fn page(world: &World, query: &str) -> Value {
    let answer = world.get(&format!("/api/v1/jobs{query}")).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{query}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    answer.json().await.unwrap()
}

fn ids(page: &Value) -> Vec<JobId> {
    page["jobs"].as_array().unwrap().iter().map(|job| job["job_id"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_jobs_come_page_by_page_and_by_state() {
    let world = World::new().await;
    world.queue.submit(&Submission::from(job(&world.owners[1]))).await.unwrap();
    let mut submitted = Vec::new();
    for _ in 0..5 {
        submitted.push(world.submit().await);
    }
    world.queue.cancel(submitted[2]).await.unwrap();

    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = page(&world, &query).await;
        let found = ids(&page);
        assert!(found.len() <= 2);
        seen.extend(found);
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=2&cursor={next}");
    }
    let newest_first: Vec<JobId> = submitted.iter().rev().copied().collect();
    assert_eq!(seen, newest_first, "each own job once, and none of another tenant");
    assert_eq!(ids(&page(&world, "?state=cancelled").await), [submitted[2]]);
    let queued = page(&world, "?state=queued&limit=100").await;
    assert_eq!(ids(&queued).len(), 4);
    let positions: HashSet<u64> =
        queued["jobs"].as_array().unwrap().iter().map(|job| job["position"].as_u64().unwrap()).collect();
    assert_eq!(positions.len(), 4, "{queued}");
    assert_eq!(ids(&page(&world, "?state=failed").await), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_shown_with_all_its_jobs() {
    let world = World::new().await;
    let batch = BatchId::new();
    let one = || Submission::from(Job { batch: Some(batch), ..job(&world.owners[0]) });
    let submissions = [one(), one(), one()];
    world.queue.submit_batch(batch, &submissions).await.unwrap();
    let url = format!("/api/v1/batch/{batch}");
    let view = async || -> Value { world.get(&url).send().await.unwrap().json().await.unwrap() };

    let lease = world.worker().await.lease(1, std::time::Duration::from_secs(5)).await.unwrap().remove(0);
    let first = lease.job().id;
    lease.succeed(&world.result(MeshFormat::GLB, b"glTF").await).await.unwrap();
    let shown = view().await;
    assert_eq!((&shown["batch_id"], &shown["batch_size"]), (&batch.to_string().into(), &3.into()));
    assert_eq!((&shown["counts"]["succeeded"], &shown["counts"]["queued"]), (&1.into(), &2.into()));
    assert!((shown["progress"].as_f64().unwrap() - 1.0 / 3.0).abs() < 1e-9, "{shown}");
    assert_eq!(
        (&shown["jobs"][0]["job_id"], &shown["jobs"][0]["status"]),
        (&first.to_string().into(), &"succeeded".into())
    );
    assert_eq!(shown["jobs"][1]["batch_id"], batch.to_string());
    assert_eq!(shown["job_ids"].as_array().unwrap().len(), 3);

    for submission in &submissions[1..] {
        assert_eq!(world.queue.cancel(submission.job.id).await.unwrap(), JobState::Cancelled);
    }
    let shown = view().await;
    assert_eq!((&shown["counts"]["cancelled"], &shown["progress"]), (&2.into(), &1.0.into()));
    assert_eq!(shown.get("estimated_completion"), None);

    let theirs = world.client.get(world.url(&url)).bearer_auth(&world.keys[1]).send().await.unwrap();
    assert_eq!(problem(theirs).await["code"], "batch_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_addresses_serve_the_same_file() {
    let world = World::new().await;
    let job = world.submit().await;
    let other: Value = world.get(&format!("/api/v1/status/{job}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(other, world.view(job).await);
}

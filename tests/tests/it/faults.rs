//! Processes that die during a job.

use std::time::Duration;
use system_tests::{System, picture};
use test_support::wait_until;

const LONG: Duration = Duration::from_secs(180);

#[tokio::test]
async fn a_job_whose_worker_is_killed_is_finished_once_by_the_next() {
    let mut system = System::start(1).await;
    // Many steps, so that the worker dies during the job.
    let id = system.client.submit(picture("mug.png"), &[("steps", "200"), ("octree_resolution", "64")]).await;
    wait_until("the first steps", LONG, async || system.client.job(&id).await["step"].as_u64() > Some(2)).await;
    system.workers[0].kill_9();
    system.add_worker().await;

    let job = system.client.wait_for(&id, &["succeeded", "failed"], LONG).await;
    assert_eq!((&job["status"], &job["attempt"]), (&"succeeded".into(), &2.into()), "{job}");
    let events = system.client.get(&format!("/api/v1/jobs/{id}/events")).send().await.unwrap().text().await.unwrap();
    let ends = events.split("\n\n").filter(|e| e.starts_with("event: state") && e.contains("\"succeeded\"")).count();
    assert_eq!(ends, 1, "{events}");
}

#[tokio::test]
async fn workers_share_the_queue_and_release_their_jobs_when_they_stop() {
    let system = System::start(2).await;
    let mut ids = Vec::new();
    for seed in ["1", "2", "3", "4", "5", "6"] {
        let parameters = [("steps", "60"), ("octree_resolution", "64"), ("seed", seed)];
        ids.push(system.client.submit(picture("mug.png"), &parameters).await);
    }
    system.client.wait_for(&ids[0], &["running", "succeeded"], LONG).await;
    let left = system.workers[0].terminate(LONG).await;
    assert!(left.success(), "a worker that is stopped exits with success: {left}");
    for id in &ids {
        let job = system.client.wait_for(id, &["succeeded", "failed"], LONG).await;
        assert_eq!(job["status"], "succeeded", "{job}");
    }
}

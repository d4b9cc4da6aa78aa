//! The blobs that jobs and dead letters refer to.

use crate::world::{LONG, World, blob, failure, job, result, take};
use domain::{BlobId, ImageToMesh, Job, Parameters};
use queue::LeaseOptions;
use std::collections::HashSet;
use std::time::Duration;

fn of(image: char) -> Job {
    Job { spec: ImageToMesh::of_front(blob(image), Parameters::default()).into(), ..job() }
}

#[tokio::test]
async fn open_jobs_results_and_dead_letters_keep_their_blobs() {
    let world = World::new().await;
    let queue = &world.queue;
    let references = async || {
        let mut found = HashSet::new();
        let visit = |blob| {
            found.insert(blob);
        };
        queue.visit_blob_references(visit).await.unwrap();
        found
    };
    let all = |digits: &str| digits.chars().map(blob).collect::<HashSet<BlobId>>();
    assert_eq!(references().await, all(""));
    let worker =
        queue.worker(crate::world::worker_info(), LeaseOptions { lease: LONG, max_attempts: 1 }).await.unwrap();
    for image in ['1', '2', '3', '4'] {
        queue.submit(&of(image).into()).await.unwrap();
    }
    assert_eq!(references().await, all("1234"));
    // After the end the artifacts are referenced, and the image is not.
    take(&worker).await.succeed(&result()).await.unwrap();
    assert_eq!(references().await, all("bc234"));
    take(&worker).await.fail(&failure(true)).await.unwrap();
    assert_eq!(references().await, all("bc234"), "the dead letter keeps the image");
    let letter = queue.dead_letters(None, 1).await.unwrap().pop().unwrap().id;
    let again = queue.redrive(&letter).await.unwrap();
    queue.cancel(again).await.unwrap();
    assert_eq!(references().await, all("bc34"));
    let running = worker.lease(1, Duration::ZERO).await.unwrap();
    assert_eq!(references().await, all("bc34"), "running jobs keep their images");
    drop(running);
}

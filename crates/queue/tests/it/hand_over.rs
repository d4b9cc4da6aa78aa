//! Jobs of several steps, by workers of different capability.

use crate::world::{LONG, World, blob, failure, job, make_due, result, take, worker_info};
use domain::{Artifact, Capability, Job, JobState, MeshFormat, Needs, Progress, WorkerInfo};
use futures_util::StreamExt;
use queue::{Error, LeaseOptions, Worker};
use std::time::Duration;

async fn worker(world: &World, kind: &str) -> Worker {
    let capabilities = worker_info().capabilities.into_iter().map(|one| Capability { kind: kind.to_owned(), ..one });
    let info = WorkerInfo { capabilities: capabilities.collect(), ..worker_info() };
    world.queue.worker(info, LeaseOptions { lease: LONG, max_attempts: 2 }).await.unwrap()
}

fn texture() -> Needs {
    Needs { kind: "texture".to_owned(), ..job().spec.needs(0) }
}

#[tokio::test]
async fn two_workers_run_one_job_with_one_event_sequence_and_one_result() {
    let world = World::new().await;
    let (mesh, texturer) = (worker(&world, "image_to_mesh").await, worker(&world, "texture").await);
    let mut raw = world.raw().await;
    let first = job();
    let job = Job { next: vec![first.spec.clone()], ..first };
    world.queue.submit(&job.clone().into()).await.unwrap();
    let watcher = tokio::spawn(world.queue.watch(job.id, None).map(Result::unwrap).collect::<Vec<_>>());

    // The first step fails once; the attempt is charged to the first step alone.
    take(&mesh).await.fail(&failure(true)).await.unwrap();
    make_due(&mut raw, "delayed", job.id).await;
    world.queue.sweep().await.unwrap();
    let lease = take(&mesh).await;
    assert_eq!((lease.step(), lease.attempt(), lease.artifacts().len()), (0, 2, 0));
    lease.progress(&Progress::steps("denoise", 1, 2)).await.unwrap();
    assert!(texturer.lease(1, Duration::ZERO).await.unwrap().is_empty(), "the job waits for its first step");
    let made = vec![Artifact::mesh(blob('d'), MeshFormat::GLB, 7)];
    assert_eq!(lease.hand_over(&made, &texture()).await.unwrap(), JobState::Queued);
    assert!(mesh.lease(1, Duration::ZERO).await.unwrap().is_empty(), "the next step is not for the same worker");

    for attempt in 1..=2 {
        let lease = take(&texturer).await;
        assert_eq!((lease.step(), lease.attempt(), lease.artifacts()), (1, attempt, &made[..]));
        assert_eq!((lease.job().id, lease.spec(), lease.next_spec()), (job.id, &job.next[0], None));
        if attempt == 1 {
            assert_eq!(lease.fail(&failure(true)).await.unwrap(), JobState::Queued);
            make_due(&mut raw, "delayed", job.id).await;
            world.queue.sweep().await.unwrap();
        } else {
            lease.succeed(&result()).await.unwrap();
        }
    }
    let record = world.queue.record(job.id).await.unwrap().unwrap();
    assert_eq!((record.state, record.result), (JobState::Succeeded, Some(result())));
    let counters = world.queue.counters().await.unwrap();
    assert_eq!((counters.succeeded, counters.fenced), (1, 0));
    let events = watcher.await.unwrap();
    assert!(events.iter().map(|(id, _)| id.0).eq(1..=events.len() as u64), "{events:?}");
    assert_eq!(events.iter().filter(|(_, event)| event.state.is_terminal()).count(), 1);
}

#[tokio::test]
async fn the_last_step_cannot_be_handed_over_and_a_late_one_is_refused() {
    let world = World::new().await;
    let worker = worker(&world, "image_to_mesh").await;
    world.submit().await;
    let lease = take(&worker).await;
    assert!(matches!(lease.hand_over(&[], &texture()).await, Err(Error::NoNextStep(_))));

    let first = job();
    let job = Job { next: vec![first.spec.clone()], ..first };
    world.queue.submit(&job.clone().into()).await.unwrap();
    let lost = take(&worker).await;
    make_due(&mut world.raw().await, "leases", job.id).await;
    world.queue.sweep().await.unwrap();
    let held = take(&worker).await;
    assert!(matches!(lost.hand_over(&[], &texture()).await, Err(Error::Lost { .. })));
    // A job with a cancellation request is not handed over.
    world.queue.cancel(job.id).await.unwrap();
    assert_eq!(held.hand_over(&[], &texture()).await.unwrap(), JobState::Cancelled);
}

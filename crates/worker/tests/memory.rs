//! The memory budget: jobs wait for memory rather than exceed it.
#![allow(clippy::unwrap_used)]

mod common;

use common::{PATIENCE, World, peak_memory, picture, png, quick};
use domain::{JobState, Parameters};
use test_support::wait_until;

/// The budget of the tests in MiB: one job of the finest grid at a time.
const BUDGET: u64 = 64;

/// Slots and CPU threads for all jobs at once, so that only the budget limits them.
const OPTIONS: [&str; 6] = ["--memory-budget", "64", "--batch-size-max", "6", "--finishers", "6"];

/// The finest grid that a world's only worker announces.
async fn finest(world: &World) -> u32 {
    world.queue.workers().await.unwrap()[0].capabilities[0].max_grid
}

#[tokio::test]
async fn jobs_of_the_finest_grid_fit_into_the_budget_together() {
    let world = World::new().await;
    let worker = world.worker("one", &OPTIONS).await;
    let grid = finest(&world).await;
    let bytes = |grid: u32| 12 * (u64::from(grid) + 1).pow(3);
    // Grids are announced in multiples of 32.
    assert!(grid % 32 == 0 && bytes(grid) <= BUDGET << 20 && bytes(grid + 32) > BUDGET << 20, "{grid}");
    let parameters = |seed| Parameters { octree_resolution: Some(grid), seed: Some(seed), ..quick() };

    let first = world.submit(png(&picture(0)), parameters(0)).await;
    assert_eq!(world.end(first).await.state, JobState::Succeeded);
    let alone = peak_memory(&worker);
    let mut jobs = Vec::new();
    for seed in 1..=6 {
        jobs.push(world.submit(png(&picture(0)), parameters(seed)).await);
    }
    for id in jobs {
        let record = world.end(id).await;
        assert_eq!((record.state, record.attempt), (JobState::Succeeded, 1));
    }
    // Six jobs at once would exceed the budget by five times its size.
    let more = peak_memory(&worker) - alone;
    assert!(more < (BUDGET << 20) / 2, "{} MiB more than one job", more >> 20);
}

#[tokio::test]
async fn the_work_of_a_cancelled_job_keeps_its_memory_until_it_ends() {
    let world = World::new().await;
    let worker = world.worker("one", &OPTIONS).await;
    let grid = finest(&world).await;
    // The smallest face budget makes the surface take long.
    let parameters = |seed| Parameters {
        octree_resolution: Some(grid),
        seed: Some(seed),
        face_budget: Some(100),
        steps: Some(1),
        format: None,
        ..quick()
    };
    let first = world.submit(png(&picture(0)), parameters(0)).await;
    assert_eq!(world.end(first).await.state, JobState::Succeeded);
    let alone = peak_memory(&worker);
    for seed in 1..=6 {
        let id = world.submit(png(&picture(0)), parameters(seed)).await;
        wait_until("the surface", PATIENCE, async || {
            let record = world.record(id).await;
            record.state.is_terminal() || record.progress.is_some_and(|progress| progress.stage == "surface")
        })
        .await;
        // A job may have ended before it is cancelled.
        let _ = world.queue.cancel(id).await;
        world.end(id).await;
    }
    let more = peak_memory(&worker) - alone;
    assert!(more < (BUDGET << 20) / 2, "{} MiB more than one job", more >> 20);
}

#[tokio::test]
async fn a_large_image_waits_for_memory_and_is_not_refused() {
    let world = World::new().await;
    let worker = world.worker("one", &["--memory-budget", "32", "--batch-size-max", "4"]).await;
    let small = world.submit(png(&picture(0)), quick()).await;
    assert_eq!(world.end(small).await.state, JobState::Succeeded);
    // 48 MB of pixels each, more than the budget: one is decoded at a time.
    let large = image::RgbaImage::from_fn(4000, 3000, |x, y| image::Rgba([x as u8, y as u8, 9, 255]));
    let large = png(&large);
    let mut jobs = Vec::new();
    for seed in 0..4 {
        jobs.push(world.submit(large.clone(), Parameters { seed: Some(seed), ..quick() }).await);
    }
    for id in jobs {
        let record = world.end(id).await;
        assert_eq!((record.state, record.attempt), (JobState::Succeeded, 1), "{:?}", record.failure);
    }
    let peak = peak_memory(&worker) >> 20;
    assert!(peak < 400, "{peak} MiB: four images at once would take some 600");
}

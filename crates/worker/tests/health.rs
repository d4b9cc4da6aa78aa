//! A full blob store, and the probes.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use common::{PATIENCE, SmallDisk, World, picture, png, quick};
use domain::JobState::{Running, Succeeded};
use std::time::Duration;
use test_support::{ServiceProcess, wait_until};

/// Options that serve the probes, and their base URL once the worker is up.
async fn with_probes(world: &World, more: &[&str]) -> (ServiceProcess, String) {
    let file = world.folder.path().join("address");
    let options = [&["--listen", "127.0.0.1:0", "--addr-file", file.to_str().unwrap()], more].concat();
    let worker = world.worker("one", &options).await;
    wait_until("the address", PATIENCE, async || file.exists()).await;
    (worker, format!("http://{}", std::fs::read_to_string(&file).unwrap()))
}

async fn get(url: &str) -> (u16, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn a_result_waits_for_room_on_a_full_disk() {
    let world = World::new().await;
    let blobs = world.folder.path().join("blobs");
    let Some(_disk) = SmallDisk::mount(&blobs) else {
        eprintln!("not run: this user may not mount a file system");
        return;
    };
    let (worker, base) = with_probes(&world, &["--lease-seconds", "1", "--max-attempts", "1"]).await;
    let image = world.blobs.put(png(&picture(0))).await.unwrap();
    let filler = blobs.join("filler");
    let free = (1 << 20) - 64 * 1024;
    std::fs::write(&filler, vec![0; free]).unwrap();
    let id = world.submit_stored(image, domain::Parameters { octree_resolution: Some(64), ..quick() }).await;
    worker.wait_for_line("a result waits", PATIENCE).await;
    // Longer than a lease.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let record = world.record(id).await;
    assert_eq!((record.state, record.attempt), (Running, 1));
    let (status, reason) = get(&format!("{base}/readyz")).await;
    assert!(status == 503 && reason.contains("results wait"), "{status} {reason}");
    assert_eq!(get(&format!("{base}/livez")).await.0, 200);

    std::fs::remove_file(filler).unwrap();
    let record = world.end(id).await;
    assert_eq!((record.state, record.attempt), (Succeeded, 1), "{:?}", record.failure);
    assert_eq!(world.mesh(&record).await.len() as u64, record.result.unwrap().artifact("mesh").unwrap().bytes);
    worker.wait_ready(&format!("{base}/readyz"), PATIENCE).await;
}

#[tokio::test]
async fn probes_answer_get_and_head() {
    let world = World::new().await;
    let (_worker, base) = with_probes(&world, &[]).await;
    let client = reqwest::Client::new();
    for path in ["/livez", "/readyz", "/metrics"] {
        let url = format!("{base}{path}");
        assert_eq!(client.head(&url).send().await.unwrap().status(), 200, "{path}");
        assert_eq!(client.get(&url).send().await.unwrap().status(), 200, "{path}");
        assert_eq!(client.get(format!("{url}/")).send().await.unwrap().status(), 200, "{path}/");
        assert!(client.post(&url).send().await.unwrap().status().is_client_error(), "{path}");
    }
    world.redis.pause();
    assert_eq!(get(&format!("{base}/readyz")).await.0, 503);
    world.redis.resume();
}

//! Garbage collection of blobs.

use crate::pictures::{disc, encode, jpeg, png};
use crate::world::{World, files};
use blobs::{BlobOptions, Blobs};
use image::ImageFormat;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use test_support::wait_until;

fn all(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let entries = entries.map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { all(&path) } else { vec![path] }).collect()
}

fn make_old(path: &Path, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    File::open(path).unwrap().set_modified(then).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn old_unreferenced_blobs_are_deleted_and_no_others() {
    let world = World::with(&["--blob-gc-minutes=0.005", "--result-retention=86400"]).await;
    let submit = async |picture: Vec<u8>| -> serde_json::Value {
        world.post_form(&picture, &[]).send().await.unwrap().json().await.unwrap()
    };
    let done = submit(png()).await;
    make_old(&all(&world.blobs_directory())[0], 3);
    world.delete(done["job_id"].as_str().unwrap(), 0).send().await.unwrap();
    wait_until("the old picture to go", Duration::from_secs(30), async || world.stored() == 0).await;

    // A blob that is younger than the margin stays.
    submit(jpeg()).await;
    make_old(&all(&world.blobs_directory())[0], 1);
    // An old blob that is put again counts as new.
    submit(encode(disc(80), ImageFormat::Png)).await;
    let old = all(&world.blobs_directory());
    old.iter().for_each(|path| make_old(path, 1));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(files(&world.blobs_directory()), 2);
    let metrics = world.get("/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("orfeas_blobs_collected_total "), "{metrics}");
}

/// The image of a job that has ended is collected while it is put again for a new job.
#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_put_while_it_is_collected_stays() {
    let world = World::with(&["--blob-sweep-minutes=0.00005"]).await;
    let blobs = Blobs::open(&BlobOptions::at(world.blobs_directory().to_str().unwrap())).unwrap();
    let image = blobs.put(png().into()).await.unwrap();
    for round in 0..150 {
        let job: serde_json::Value = world.post_form(&png(), &[]).send().await.unwrap().json().await.unwrap();
        for _ in 0..3 {
            assert!(blobs.get(&image).await.is_ok(), "round {round}: the image of a queued job");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        world.delete(job["job_id"].as_str().unwrap(), 0).send().await.unwrap();
        let then = SystemTime::now() - Duration::from_secs(3 * 86_400);
        for path in all(&world.blobs_directory()) {
            // It may be collected already.
            if let Ok(file) = File::open(path) {
                file.set_modified(then).unwrap();
            }
        }
    }
}

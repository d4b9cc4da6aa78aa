//! The store on a real file system.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use blobs::{BlobId, BlobOptions, Blobs, Collected, Error};
use bytes::Bytes;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// Larger than what is hashed inline.
const LARGE: usize = 300_000;

fn blobs_with(change: impl FnOnce(&mut BlobOptions)) -> (Blobs, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let mut options = BlobOptions::at(directory.path().join("blobs").to_str().unwrap());
    change(&mut options);
    (Blobs::open(&options).unwrap(), directory)
}

fn blobs() -> (Blobs, TempDir) {
    blobs_with(|_| {})
}

fn file(directory: &TempDir, id: &BlobId) -> PathBuf {
    let id = id.as_str();
    directory.path().join("blobs").join(&id[..2]).join(&id[2..4]).join(id)
}

fn never_put() -> BlobId {
    "0".repeat(64).parse().unwrap()
}

fn make_old(path: &Path) {
    fs::File::open(path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(86_400)).unwrap();
}

fn an_hour_ago() -> SystemTime {
    SystemTime::now() - Duration::from_secs(3600)
}

/// All files below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test]
async fn bytes_are_stored_under_their_sha256() {
    let (blobs, directory) = blobs();
    let id = blobs.put(Bytes::from_static(b"abc")).await.unwrap();
    // FIPS 180-2, appendix B.1.
    assert_eq!(id.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(blobs.put(Bytes::from_static(b"abc")).await.unwrap(), id);
    assert_eq!(blobs.get(&id).await.unwrap(), "abc");
    assert_eq!(blobs.size(&id).await.unwrap(), Some(3));
    assert_eq!(fs::read(directory.path().join(format!("blobs/ba/78/{id}"))).unwrap(), b"abc");

    let large = Bytes::from(vec![0; 1_000_000]);
    let id = blobs.put(large.clone()).await.unwrap();
    // sha256sum of a million zero bytes.
    assert_eq!(id.as_str(), "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025");
    assert_eq!(blobs.get(&id).await.unwrap(), large);
}

#[tokio::test]
async fn a_reader_reads_parts() {
    let (blobs, directory) = blobs();
    let id = blobs.put(Bytes::from_static(b"0123456789")).await.unwrap();
    let reader = blobs.reader(&id).await.unwrap();
    assert_eq!((reader.id(), reader.size()), (&id, 10));
    assert_eq!(reader.read(3..7).await.unwrap(), "3456");
    assert_eq!(reader.read(10..10).await.unwrap(), "");
    #[allow(clippy::reversed_empty_ranges)]
    for wrong in [5..11, 11..12, 6..5] {
        assert!(matches!(reader.read(wrong).await, Err(Error::Range { size: 10, .. })));
    }
    fs::remove_file(file(&directory, &id)).unwrap();
    assert!(matches!(reader.read(3..7).await, Err(Error::NotFound(missing)) if missing == id));
}

#[tokio::test]
async fn a_missing_blob_is_not_found() {
    let (blobs, _directory) = blobs();
    let id = never_put();
    assert!(matches!(blobs.get(&id).await, Err(Error::NotFound(missing)) if missing == id));
    assert!(matches!(blobs.reader(&id).await, Err(Error::NotFound(_))));
    assert!(matches!(blobs.touch(&id).await, Err(Error::NotFound(_))));
    assert_eq!(blobs.size(&id).await.unwrap(), None);
    blobs.remove(&id).await.unwrap();
}

#[tokio::test]
async fn sizes_are_bounded_when_writing_and_when_reading() {
    let (small, directory) = blobs_with(|options| options.blob_max_bytes = 4);
    assert!(matches!(small.put("12345".into()).await, Err(Error::TooLarge { bytes: 5, max: 4 })));
    let place = directory.path().join("blobs");
    let large = Blobs::open(&BlobOptions::at(place.to_str().unwrap())).unwrap();
    let id = large.put("12345".into()).await.unwrap();
    assert!(matches!(small.get(&id).await, Err(Error::TooLarge { bytes: 5, max: 4 })));
    assert_eq!(small.reader(&id).await.unwrap().read(1..5).await.unwrap(), "2345");
}

#[tokio::test]
async fn damage_is_detected_and_repaired_by_putting_again() {
    for verify in [true, false] {
        let (blobs, directory) = blobs_with(|options| options.blob_verify = verify);
        let id = blobs.put("intact".into()).await.unwrap();
        fs::write(file(&directory, &id), "broken").unwrap();
        match blobs.get(&id).await {
            Err(Error::Damaged(damaged)) => assert!(verify && damaged == id),
            other => assert!(!verify && other.unwrap() == "broken"),
        }
        blobs.put("intact".into()).await.unwrap();
        assert_eq!(blobs.get(&id).await.unwrap(), "intact");
    }
}

#[tokio::test]
async fn concurrent_puts_of_one_blob_do_not_disturb_readers() {
    let (blobs, directory) = blobs();
    let bytes = Bytes::from(vec![42; LARGE]);
    let id = blobs.put(bytes.clone()).await.unwrap();
    let writers: Vec<_> = (0..8)
        .map(|_| {
            let (blobs, bytes) = (blobs.clone(), bytes.clone());
            tokio::spawn(async move { blobs.put(bytes).await.unwrap() })
        })
        .collect();
    for _ in 0..50 {
        assert_eq!(blobs.get(&id).await.unwrap(), bytes);
    }
    for writer in writers {
        assert_eq!(writer.await.unwrap(), id);
    }
    assert_eq!(files(directory.path()), [file(&directory, &id)], "no temporary file is left");
}

#[tokio::test]
async fn only_old_unreferenced_blobs_are_collected() {
    let (blobs, directory) = blobs();
    let mut ids = vec![];
    for text in ["old", "old but put again", "old but touched", "old but referenced", "new"] {
        ids.push(blobs.put(text.into()).await.unwrap());
    }
    ids[..4].iter().for_each(|id| make_old(&file(&directory, id)));
    let foreign: Vec<PathBuf> = ["README", "trash-can", "ab/cd/README", "ab/cd/short#1", "ab/README#7"]
        .iter()
        .map(|name| directory.path().join("blobs").join(name))
        .chain([file(&directory, &ids[0]).with_file_name(never_put().as_str())])
        .collect();
    for path in &foreign {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "not a blob").unwrap();
        make_old(path);
    }
    // Left behind by a process that was killed while it put a blob, long ago and just now.
    let stale = PathBuf::from(format!("{}#1", file(&directory, &ids[0]).display()));
    let recent = PathBuf::from(format!("{}#2", file(&directory, &ids[0]).display()));
    [&stale, &recent].into_iter().for_each(|path| fs::write(path, "half").unwrap());
    make_old(&stale);

    blobs.put("old but put again".into()).await.unwrap();
    blobs.touch(&ids[2]).await.unwrap();
    let collected = blobs.collect_garbage(an_hour_ago(), |id| *id == ids[3]).await.unwrap();
    assert_eq!(collected, Collected { blobs: 1, bytes: 3 });
    assert_eq!(blobs.size(&ids[0]).await.unwrap(), None);
    for id in &ids[1..] {
        assert!(blobs.size(id).await.unwrap().is_some(), "{id}");
    }
    assert!(foreign.iter().all(|path| path.exists()));
    assert!(!stale.exists() && recent.exists());
}

#[tokio::test]
async fn an_interrupted_collection_is_continued_and_hides_nothing() {
    let (blobs, directory) = blobs();
    let trash = directory.path().join("blobs/trash");
    fs::create_dir_all(&trash).unwrap();
    let garbage = blobs.put("garbage".into()).await.unwrap();
    let kept = blobs.put("kept".into()).await.unwrap();
    for id in [&garbage, &kept] {
        make_old(&file(&directory, id));
        fs::rename(file(&directory, id), trash.join(id.as_str())).unwrap();
        // A reader finds a blob while a collection decides about it.
        assert!(blobs.get(id).await.is_ok() && blobs.size(id).await.unwrap().is_some());
        assert!(blobs.reader(id).await.unwrap().read(0..4).await.is_ok());
    }
    let collected = blobs.collect_garbage(an_hour_ago(), |id| *id == kept).await.unwrap();
    assert_eq!(collected, Collected { blobs: 1, bytes: 7 });
    assert_eq!(files(directory.path()), [file(&directory, &kept)]);
}

/// Collections, puts of the same blobs and reads run at once, in several "processes" (stores opened anew).
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_blob_that_is_put_while_it_is_collected_is_never_lost() {
    let (blobs, directory) = blobs();
    let place = directory.path().join("blobs").to_str().unwrap().to_owned();
    let stop = Arc::new(AtomicBool::new(false));
    let collectors: Vec<_> = (0..2)
        .map(|_| {
            let (blobs, stop) = (Blobs::open(&BlobOptions::at(&place)).unwrap(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut collected = 0;
                while !stop.load(Ordering::Relaxed) {
                    collected += blobs.collect_garbage(an_hour_ago(), |_| false).await.unwrap().blobs;
                }
                collected
            })
        })
        .collect();
    for round in 0..400 {
        let bytes = Bytes::from(format!("blob {}", round % 4));
        let id = blobs.put(bytes.clone()).await.unwrap();
        for _ in 0..20 {
            assert_eq!(blobs.get(&id).await.unwrap(), bytes, "round {round}");
        }
        // Old again, so that the next round puts it while the collectors are at it.
        make_old(&file(&directory, &id));
        tokio::time::sleep(Duration::from_micros(150 * (round % 7))).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut collected = 0;
    for collector in collectors {
        collected += collector.await.unwrap();
    }
    assert!(collected > 50, "the collectors hardly met the puts: {collected}");
}

/// A small file system, mounted for one test; `None` where the system does not allow it.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(directory.path())
            .output()
            .ok()?;
        mount.status.success().then(|| Self(directory))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

#[tokio::test]
async fn a_full_disk_has_an_error_of_its_own_and_leaves_no_file() {
    let Some(disk) = SmallDisk::mount() else {
        eprintln!("not run: this user may not mount a file system");
        return;
    };
    let place = disk.0.path().join("blobs");
    let blobs = Blobs::open(&BlobOptions::at(place.to_str().unwrap())).unwrap();
    let small = blobs.put("small".into()).await.unwrap();
    let large = Bytes::from(vec![1; 2 << 20]);
    let error = blobs.put(large).await.unwrap_err();
    assert!(matches!(error, Error::Full(_)) && error.is_retryable(), "{error:?}");
    assert_eq!(files(&place).len(), 1, "{:?}", files(&place));
    assert_eq!(blobs.get(&small).await.unwrap(), "small");
    blobs.put(Bytes::from(vec![1; 512 << 10])).await.unwrap();
}

#[test]
fn places() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("file://{}/x/y", directory.path().display());
    Blobs::open(&BlobOptions::at(url)).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(directory.path().join("x/y")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
    let open = |place: &str| Blobs::open(&BlobOptions::at(place)).unwrap_err();
    assert!(matches!(open("s3://bucket/x"), Error::NotBuiltIn { scheme } if scheme == "s3"));
    assert!(matches!(open("file://relative"), Error::Place { .. }));
    assert!(matches!(open("file:///tmp/a%20b"), Error::Place { .. }));
    assert!(matches!(open("/proc/no/such/place"), Error::Place { .. }));
}

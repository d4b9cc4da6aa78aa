//! Partial files: when they are resumed, when they are restarted, and that only verified files get their name.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use checkpoint::{Announced, Checksum, Download, Error, already_fetched};

const TEXT: &[u8] = b"hello world\n";
/// `sha256sum`.
const SHA256: &str = "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447";
/// `git hash-object`.
const GIT: &str = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad";

fn announced(version: &str, checksum: &str) -> Announced {
    let checksum = Checksum::parse(checksum);
    assert!(checksum.is_some());
    Announced { size: Some(TEXT.len() as u64), checksum, version: Some(version.into()) }
}

fn files(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn target(dir: &tempfile::TempDir) -> PathBuf {
    dir.path().join("model.safetensors")
}

#[test]
fn a_whole_file_gets_its_name() {
    for checksum in [SHA256, GIT] {
        let dir = tempfile::tempdir().unwrap();
        let mut download = Download::open(&target(&dir), announced("1", checksum)).unwrap();
        assert_eq!(download.offset(), 0);
        download.write(TEXT).unwrap();
        assert!(download.is_full());
        assert_eq!(files(dir.path()), ["model.safetensors.partial", "model.safetensors.partial.json"]);
        let fetched = download.finish().unwrap();
        assert_eq!((fetched.name.as_str(), fetched.size, fetched.sha256.as_str()), ("model.safetensors", 12, SHA256));
        assert_eq!(files(dir.path()), ["model.safetensors"]);
        assert_eq!(std::fs::read(target(&dir)).unwrap(), TEXT);
        assert_eq!(already_fetched(&target(&dir), &announced("1", checksum)).unwrap(), Some(fetched));
    }
}

#[test]
fn a_later_run_resumes() {
    for checksum in [SHA256, GIT] {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Download::open(&target(&dir), announced("1", checksum)).unwrap();
        first.write(&TEXT[..5]).unwrap();
        drop(first);
        let mut second = Download::open(&target(&dir), announced("1", checksum)).unwrap();
        assert_eq!(second.offset(), 5);
        second.write(&TEXT[5..]).unwrap();
        second.finish().unwrap();
        assert_eq!(std::fs::read(target(&dir)).unwrap(), TEXT);
    }
}

#[test]
fn another_version_restarts() {
    let unverifiable = Announced { checksum: None, ..announced("1", SHA256) };
    for other in [announced("2", SHA256), announced("1", GIT), unverifiable] {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Download::open(&target(&dir), announced("1", SHA256)).unwrap();
        first.write(&TEXT[..5]).unwrap();
        drop(first);
        assert_eq!(Download::open(&target(&dir), other).unwrap().offset(), 0);
        assert_eq!(std::fs::read(dir.path().join("model.safetensors.partial")).unwrap(), b"");
    }
}

#[test]
fn wrong_bytes_are_removed() {
    for checksum in [SHA256, GIT] {
        let dir = tempfile::tempdir().unwrap();
        let mut download = Download::open(&target(&dir), announced("1", checksum)).unwrap();
        download.write(b"hello w0rld\n").unwrap();
        let error = download.finish().unwrap_err().to_string();
        assert!(error.contains(checksum) && error.contains("removed"), "{error}");
        assert!(files(dir.path()).is_empty());
    }
}

#[test]
fn a_short_file_is_kept_and_a_long_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut download = Download::open(&target(&dir), announced("1", SHA256)).unwrap();
    download.write(&TEXT[..5]).unwrap();
    assert!(download.finish().unwrap_err().to_string().ends_with("ends after 5 of 12 bytes"));
    let mut download = Download::open(&target(&dir), announced("1", SHA256)).unwrap();
    assert_eq!(download.offset(), 5);
    assert!(matches!(download.write(TEXT), Err(Error::Download { .. })));
    assert_eq!(download.offset(), 0);
}

#[test]
fn two_at_once_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Download::open(&target(&dir), announced("1", SHA256)).unwrap();
    let error = Download::open(&target(&dir), announced("1", SHA256)).err().unwrap().to_string();
    assert!(error.contains("another process"), "{error}");
}

#[test]
fn only_the_announced_file_counts_as_fetched() {
    let dir = tempfile::tempdir().unwrap();
    let path = target(&dir);
    assert_eq!(already_fetched(&path, &announced("1", SHA256)).unwrap(), None);
    std::fs::write(&path, b"hello w0rld\n").unwrap();
    assert_eq!(already_fetched(&path, &announced("1", SHA256)).unwrap(), None);
    assert_eq!(already_fetched(&path, &announced("1", GIT)).unwrap(), None);
    std::fs::write(&path, TEXT).unwrap();
    assert!(already_fetched(&path, &announced("1", GIT)).unwrap().is_some());
    assert_eq!(already_fetched(&path, &Announced { checksum: None, ..announced("1", SHA256) }).unwrap(), None);
}

#[test]
fn checksums_are_recognised_by_their_length() {
    assert_eq!(Checksum::parse(&SHA256.to_uppercase()), Some(Checksum::Sha256(SHA256.into())));
    assert_eq!(Checksum::parse(GIT), Some(Checksum::GitBlob(GIT.into())));
    assert_eq!(Checksum::parse("W/abc"), None);
    assert_eq!(Checksum::parse(&"g".repeat(64)), None);
}

//! `.ckpt` files as torch writes them become the safetensors files that safetensors writes.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use checkpoint::{Converted, WeightFile, convert};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

#[test]
fn every_kind_of_tensor_comes_out_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("out.safetensors");
    let mut seen = Vec::new();
    let converted = convert(&fixture("small.ckpt"), &output, &mut |done, total| seen.push((done, total))).unwrap();
    let ours = std::fs::read(&output).unwrap();
    assert_eq!(ours, std::fs::read(fixture("small.safetensors")).unwrap());
    let Converted { tensors, bytes, mut skipped } = converted;
    skipped.sort();
    assert_eq!((tensors, bytes, skipped), (17, ours.len() as u64, vec!["note".to_owned(), "steps_trained".to_owned()]));
    assert_eq!(seen.len(), 17);
    assert_eq!(seen.last(), Some(&(bytes, bytes)));
}

/// The golden 2.1 bundle has both twins. The larger file is not part of the project; its folder is `$GOLDEN_CASES`.
#[test]
#[ignore = "needs the folder of the larger cases: GOLDEN_CASES=DIR cargo test -p checkpoint --test convert -- --ignored"]
fn the_golden_bundle_equals_its_twin() {
    let cases = PathBuf::from(std::env::var_os("GOLDEN_CASES").expect("GOLDEN_CASES names the folder"));
    let case = cases.join("e2e-v2-1");
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("model.safetensors");
    convert(&case.join("model.ckpt"), &output, &mut |_, _| {}).unwrap();
    let (ours, theirs) =
        (WeightFile::open(&output).unwrap(), WeightFile::open(case.join("model.safetensors")).unwrap());
    assert!(ours.names().eq(theirs.names()));
    for name in theirs.names() {
        let (ours, theirs) = (ours.tensor(name).unwrap(), theirs.tensor(name).unwrap());
        assert_eq!((ours.dtype, ours.shape), (theirs.dtype, theirs.shape), "{name}");
        assert!(ours.data == theirs.data, "{name}");
    }
}

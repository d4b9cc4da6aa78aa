//! Meshes are valid for the Khronos glTF validator.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use system_tests::{System, pictures, repository};
use test_support::ServiceProcess;

#[tokio::test]
async fn the_mesh_of_every_demo_picture_is_valid_gltf() {
    let system = System::start(1).await;
    let folder = tempfile::tempdir().unwrap();
    let mut ids = Vec::new();
    for path in pictures() {
        let parameters = [("steps", "5"), ("octree_resolution", "64"), ("face_budget", "5000")];
        let id = system.client.submit(std::fs::read(&path).unwrap(), &parameters).await;
        ids.push((path.file_stem().unwrap().to_str().unwrap().to_owned(), id));
    }
    for (name, id) in ids {
        let job = system.client.wait_for(&id, &["succeeded", "failed"], Duration::from_secs(180)).await;
        assert_eq!(job["status"], "succeeded", "{name}: {job}");
        assert!(job["result"]["quality"]["faces"].as_u64() <= Some(5000), "{name}: {job}");
        let mesh = system.client.get(&format!("/api/v1/jobs/{id}/result")).send().await.unwrap().bytes().await.unwrap();
        std::fs::write(folder.path().join(format!("{name}.glb")), mesh).unwrap();
    }
    validate(folder.path());
}

#[test]
fn the_samples_of_the_mesh_library_are_valid_gltf() {
    let folder = tempfile::tempdir().unwrap();
    let written = Command::new(ServiceProcess::binary("examples/write_samples")).arg(folder.path()).status().unwrap();
    assert!(written.success());
    validate(folder.path());
}

/// Validates every GLB of a folder; errors and warnings fail.
fn validate(folder: &Path) {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "glb"));
    assert!(!files.is_empty(), "no GLB in {}", folder.display());
    let mut validator = Command::new(repository().join(".venv/bin/node"));
    let report =
        validator.arg("validate.js").args(files).current_dir(repository().join("tests/node")).output().unwrap();
    let text = String::from_utf8_lossy(&report.stdout) + String::from_utf8_lossy(&report.stderr);
    assert!(report.status.success(), "{text}");
}

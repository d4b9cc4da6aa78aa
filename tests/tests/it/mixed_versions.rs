//! The short form of the run with two versions, with one version in both roles;
//! `cargo run -p system-tests --example mixed_versions` is the long one.

use system_tests::{mixed, repository};
use test_support::ServiceProcess;

#[tokio::test]
async fn gateways_and_workers_of_two_folders_share_a_queue() {
    let other = ServiceProcess::binary("orfeas-worker").parent().unwrap().to_path_buf();
    let model = repository().join("models/orfeas-tiny");
    let report = mixed::run(&mixed::Options { other, jobs: 2, model, only_other: None }).await;
    assert!(report.broken.is_empty() && (report.accepted, report.succeeded) == (12, 12), "{report:#?}");
}

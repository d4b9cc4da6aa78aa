//! The short form of the run under fault; `cargo run -p system-tests --example chaos` is the long one.

use std::time::Duration;
use system_tests::{chaos, repository};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_accepted_job_ends_once_under_kills_and_outages() {
    let report = chaos::run(&chaos::Options {
        duration: Duration::from_secs(30),
        seed: 7,
        outage: (Duration::from_secs(8), Duration::from_secs(9)),
        clients: 3,
        model: repository().join("models/orfeas-tiny"),
        steps: (2, 20),
        settle: Duration::from_secs(120),
    })
    .await;
    assert!(report.broken.is_empty() && report.accepted > 5 && report.succeeded == report.accepted, "{report}");
}

//! A long run under fault: `cargo run --release -p system-tests --example chaos -- --seconds 720 --seed 11`, after
//! `cargo build --release --bins`. Exit code 1 when a promise was broken.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use system_tests::chaos;

#[derive(Parser)]
struct Options {
    /// Seconds for which faults are injected
    #[arg(long, default_value_t = 720)]
    seconds: u64,
    /// Seed of the faults
    #[arg(long, default_value_t = 11)]
    seed: u64,
    /// Longest outage of Redis, in seconds
    #[arg(long, default_value_t = 30)]
    outage: u64,
    /// Clients
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// Model folder
    #[arg(long, default_value = "models/orfeas-tiny")]
    model: PathBuf,
    /// Denoising steps of long jobs
    #[arg(long, default_value_t = 60)]
    long_steps: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let report = chaos::run(&chaos::Options {
        duration: Duration::from_secs(options.seconds),
        seed: options.seed,
        outage: (Duration::from_secs(2), Duration::from_secs(options.outage)),
        clients: options.clients,
        model: options.model.canonicalize().unwrap(),
        steps: (4, options.long_steps),
        settle: Duration::from_secs(180),
    })
    .await;
    println!("{report}");
    if report.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! Two versions over one Redis: `cargo run -p system-tests --example mixed_versions -- --other DIR`, where DIR has the
//! `orfeas-gateway` and `orfeas-worker` of another version. Exit code 1 when a promise was broken.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use system_tests::{mixed, repository};

#[derive(Parser)]
struct Options {
    /// Folder with the binaries of the other version
    #[arg(long)]
    other: PathBuf,
    /// Jobs that each gateway submits in each of the three phases
    #[arg(long, default_value_t = 20)]
    jobs: usize,
    /// A form field, `name=value`, that only the other version knows
    #[arg(long, value_parser = field)]
    only_other: Option<(String, String)>,
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as name=value")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> ExitCode {
    let Options { other, jobs, only_other } = Options::parse();
    let model = repository().join("models/orfeas-tiny");
    let report = mixed::run(&mixed::Options { other: other.canonicalize().unwrap(), jobs, model, only_other }).await;
    println!("{report:#?}");
    if report.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

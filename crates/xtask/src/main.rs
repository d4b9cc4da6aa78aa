//! `cargo xtask …`: set-up, checks and measurements of this repository.
//!
//! * `setup`: installs what is missing (libtorch, redis-server); does nothing the second time.
//! * `demo`: meshes from the pictures in assets/, by the real services.
//! * `test`: all checks.
//! * `bench`: the pipeline against PyTorch eager.
//! * `fuzz`: coverage-guided fuzzing of everything that parses requests.
//! * `coverage`: line coverage of the crates that handle requests.
//! * `tidy`: rules about the source tree: dependencies between crates, sizes of files, words.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line program speaks on its standard output

mod bench;
mod coverage;
mod demo;
mod fuzz;
mod programs;
mod setup;
mod shell;
mod test;
mod tidy;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set up, run and check ORFEAS")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install what is missing, into this folder where possible; does nothing the second time
    Setup {
        /// Also what the tests need: PyTorch for Python, nginx, the glTF validator
        #[arg(long)]
        tests: bool,
    },
    /// Turn the pictures in assets/ into meshes, through the real services
    Demo(demo::Options),
    /// Format, lints, docs, licences, tidiness and all tests
    Test(test::Options),
    /// Compare the pipeline with PyTorch eager
    Bench(bench::Options),
    /// Look for inputs that break a parser, with libFuzzer
    Fuzz(fuzz::Options),
    /// Line coverage of the gateway and of access
    Coverage(coverage::Options),
    /// Dependencies between crates, sizes of files, words in comments
    Tidy,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    match task {
        Task::Setup { tests } => setup::run(if tests { setup::For::Tests } else { setup::For::Running }),
        Task::Demo(options) => demo::run(&options),
        Task::Test(options) => test::run(&options),
        Task::Bench(options) => bench::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Coverage(options) => coverage::run(&options),
        Task::Tidy => tidy::run(),
    }
}

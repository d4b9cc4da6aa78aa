//! `cargo xtask …`: everything a person or a CI does to this tree.
//!
//! * `setup`: what a fresh machine lacks (libtorch, redis-server); nothing the second time.
//! * `demo`: the main job on real pictures, through the real services.
//! * `test`: every check there is.
//! * `bench`: the pipeline against PyTorch eager.
//! * `fuzz`: random inputs for everything that reads what strangers send.
//! * `coverage`: how many lines of the gate's crates their tests run.
//! * `tidy`: the house rules that can be read from the tree.
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
    /// Install what a fresh machine lacks, into this folder where possible; does nothing the second time
    Setup {
        /// Also what the tests need: PyTorch for Python, nginx, the glTF validator
        #[arg(long)]
        tests: bool,
    },
    /// Turn the pictures in assets/ into meshes, through the real services
    Demo(demo::Options),
    /// Format, lints, docs, licences, tidiness and all tests
    Test(test::Options),
    /// The pipeline against PyTorch eager, side by side
    Bench(bench::Options),
    /// Look for inputs that break a parser, with libFuzzer
    Fuzz(fuzz::Options),
    /// How much of the gateway and of access their tests run, by lines
    Coverage(coverage::Options),
    /// Who may know whom, and other rules of the house
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

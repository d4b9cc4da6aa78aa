//! `orfeas`: start the service, and turn pictures into meshes.
#![allow(clippy::print_stderr)] // the one line that says what went wrong

use clap::{Parser, Subcommand};
use cli::{Error, agents, audit, generate, models, up};
use std::process::ExitCode;

/// Pictures in, 3D meshes out.
///
/// Every option can be set by the environment variable that is named with it, or by a line of that form in a file `.env`
/// in the working directory. The command line goes before the environment, and that before the file.
///
/// Exit codes: 0 done; 1 a file could not be read or written, or something unexpected; 2 the command line is wrong;
/// 3 something needed is not there (a server, a program, a model, a free port); 4 a job failed or was cancelled;
/// 5 the server refused a request; 130 interrupted.
#[derive(Parser)]
#[command(name = "orfeas", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the whole service on this machine
    Up(up::Options),
    /// Turn pictures into meshes
    Generate(generate::Options),
    /// Add, list, rotate and revoke agents, users and their keys
    Agents(agents::Options),
    /// Tell who asked for what, and what was said
    Audit(audit::Options),
    /// List, inspect, fetch, convert and make model files
    #[command(subcommand)]
    Models(models::Command),
}

fn main() -> ExitCode {
    // Before any thread exists, as it sets environment variables.
    env_file::load("orfeas");
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("orfeas: {error}");
            ExitCode::from(&error)
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Up(options) => block_on(up::up(&options)),
        Command::Generate(options) => block_on(generate::generate(&options)),
        Command::Agents(options) => block_on(agents::run(&options)),
        Command::Audit(options) => block_on(audit::run(&options)),
        Command::Models(command) => models::run(&command),
    }
}

/// One thread is enough for what this program does, and `up` needs it to be one.
fn block_on(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(anyhow::Error::from)?.block_on(work)
}

//! `orfeas models`: the model files of this machine, the published ones, and those of a server.

mod convert;
mod hub;
mod inspect;
mod list;
mod progress;
mod pull;
mod served;
mod synthesize;
mod text;

use crate::Error;

/// The subcommands of `orfeas models`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the published models, and those on this machine
    List(list::Options),
    /// Describe a model directory, and check its weights against its configuration
    Inspect(inspect::Options),
    /// Fetch a published model from a hub
    Pull(pull::Options),
    /// Convert a published .ckpt to safetensors, without executing its pickle
    Convert(convert::Options),
    /// Make a model of random weights, for benchmarks
    Synthesize(synthesize::Options),
    /// List the models of a running server
    Served(served::Options),
}

/// Runs one of them, blocking the thread.
///
/// # Errors
/// Missing files, an unreachable or refusing server, a wrong command line.
pub fn run(command: &Command) -> Result<(), Error> {
    match command {
        Command::List(options) => list::run(options),
        Command::Inspect(options) => inspect::run(options),
        Command::Pull(options) => pull::run(options),
        Command::Convert(options) => convert::run(options),
        Command::Synthesize(options) => synthesize::run(options),
        Command::Served(options) => served::run(options),
    }
}

//! `orfeas models`: the model files on this machine, and the published ones.

mod convert;
mod hub;
mod inspect;
mod list;
mod progress;
mod pull;
mod synthesize;
mod text;

use crate::Error;

/// The subcommands of `orfeas models`.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the published models, and those on this machine
    List(list::Options),
    /// Tell what a model directory holds, and whether its weights fit its configuration
    Inspect(inspect::Options),
    /// Fetch a published model from a hub
    Pull(pull::Options),
    /// Convert a published .ckpt to safetensors, without running what is pickled in it
    Convert(convert::Options),
    /// Make a model of random weights, for benchmarks
    Synthesize(synthesize::Options),
}

/// Runs one of them. It blocks: nothing else goes on in the program meanwhile.
///
/// # Errors
/// What went wrong, in one line.
pub fn run(command: &Command) -> Result<(), Error> {
    match command {
        Command::List(options) => list::run(options),
        Command::Inspect(options) => inspect::run(options),
        Command::Pull(options) => pull::run(options),
        Command::Convert(options) => convert::run(options),
        Command::Synthesize(options) => synthesize::run(options),
    }
}

impl From<checkpoint::Error> for Error {
    fn from(error: checkpoint::Error) -> Self {
        match error {
            checkpoint::Error::NotFound { .. } => Self::Unavailable(error.to_string()),
            checkpoint::Error::UnknownModel { .. } => Self::Usage(error.to_string()),
            error => Self::Other(error.into()),
        }
    }
}

//! The whole command line.

use crate::{Error, agents, audit, dead_letters, generate, models, up};
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

/// Images in, 3D meshes out.
///
/// Every option can also be set by the environment variable named with it, or by a line NAME=value of a file `.env` in the
/// working directory. The command line goes before the environment, and the environment before the file.
///
/// Exit codes: 0 done; 1 a file could not be read or written, or something unexpected; 2 the command line is wrong;
/// 3 something needed is missing (a server, a program, a model, a free port); 4 a job failed or was cancelled;
/// 5 the server refused a request; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "orfeas", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole service on this machine
    Up(up::Options),
    /// Turn images into meshes
    Generate(generate::Options),
    /// Add, list, rotate and revoke agents, users and their keys
    Agents(agents::Options),
    /// List the decisions of the access control: who asked for what, and the outcome
    Audit(audit::Options),
    /// List, redrive and discard dead letters: jobs that used up their attempts
    DeadLetters(dead_letters::Options),
    /// List, inspect, fetch, convert and make model files
    #[command(subcommand)]
    Models(models::Command),
}

impl Cli {
    /// The command line of this process. A wrong one ends the process.
    pub fn from_arguments() -> Self {
        let matches = Self::command().get_matches();
        let mut cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
        cli.prefer_command_line(&matches);
        cli
    }

    fn prefer_command_line(&mut self, matches: &ArgMatches) {
        let below = |matches: &'_ ArgMatches| matches.subcommand().map(|(_, matches)| matches.clone());
        let options = match &mut self.command {
            Command::Generate(options) => below(matches).map(|matches| (&mut options.server, matches)),
            Command::Models(models::Command::Served(options)) => {
                below(matches).and_then(|matches| below(&matches)).map(|matches| (&mut options.server, matches))
            }
            _ => None,
        };
        if let Some((server, matches)) = options {
            server.prefer_command_line(&matches);
        }
    }

    /// Does what the command line asks for.
    ///
    /// # Errors
    /// Those of the command.
    pub fn run(&self) -> Result<(), Error> {
        match &self.command {
            Command::Up(options) => block_on(up::up(options)),
            Command::Generate(options) => block_on(generate::generate(options)),
            Command::Agents(options) => block_on(agents::run(options)),
            Command::Audit(options) => block_on(audit::run(options)),
            Command::DeadLetters(options) => block_on(dead_letters::run(options)),
            Command::Models(command) => models::run(command),
        }
    }
}

/// Runs on one thread, which is enough for this program and needed by `up`. Threads that still block at the end, such as
/// those of an interrupted `generate`, are left to the end of the process.
fn block_on(work: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(anyhow::Error::from)?;
    let outcome = runtime.block_on(work);
    runtime.shutdown_background();
    outcome
}

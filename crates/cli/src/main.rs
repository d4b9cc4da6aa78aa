//! `orfeas`: start the service, and turn images into meshes.

use cli::Cli;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    // Before any thread exists, as it sets environment variables.
    env_file::load("orfeas");
    match Cli::from_arguments().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if error.code() != 0 {
                // A closed or full standard error must not turn into a panic.
                let _ = writeln!(std::io::stderr(), "orfeas: {error}");
            }
            ExitCode::from(&error)
        }
    }
}

//! `orfeas-worker`: turns queued jobs into meshes.

use clap::Parser;
use std::error::Error as StdError;
use std::io::Write;
use std::process::ExitCode;
use worker::options::Options;
use worker::{app, exit};

fn main() -> ExitCode {
    // Before any thread exists, as it sets the environment.
    env_file::load("orfeas-worker");
    let options = Options::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ExitCode::from(report(&error, exit::UNAVAILABLE)),
    };
    runtime.block_on(async {
        let guard = match telemetry::init(&options.telemetry, "orfeas-worker") {
            Ok(guard) => guard,
            Err(error) => return ExitCode::from(report(&error, exit::USAGE)),
        };
        let code = app::run(options).await.unwrap_or_else(|error| report(&error, error.exit_code()));
        guard.flush().await;
        // Not by returning: a thread that hangs in a call of the device would be waited for.
        exit::now(code)
    })
}

/// Writes to standard error why the worker does not start. Errors of that write are ignored.
fn report(error: &dyn StdError, code: u8) -> u8 {
    let chain = std::iter::successors(Some(error), |error| (**error).source());
    let line = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let _ = writeln!(std::io::stderr(), "orfeas-worker: {line}");
    code
}

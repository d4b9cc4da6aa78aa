//! `orfeas-worker`: turns queued jobs into meshes.
#![allow(clippy::print_stderr)] // the one line that says why it does not start

use clap::Parser;
use std::error::Error as StdError;
use std::process::ExitCode;
use worker::options::Options;
use worker::{app, exit};

fn main() -> ExitCode {
    // Before any thread exists, as it sets the environment.
    env_file::load("orfeas-worker");
    let options = Options::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return unavailable(&error, exit::UNAVAILABLE),
    };
    runtime.block_on(async {
        let guard = match telemetry::init(&options.telemetry, "orfeas-worker") {
            Ok(guard) => guard,
            Err(error) => return unavailable(&error, exit::USAGE),
        };
        let code = match app::run(options).await {
            Ok(code) => code,
            Err(error) => {
                let code = error.exit_code();
                let _ = unavailable(&error, code);
                code
            }
        };
        guard.flush().await;
        // Not by returning: a thread that hangs in a call of the device would be waited for.
        exit::now(code)
    })
}

fn unavailable(error: &dyn StdError, code: u8) -> ExitCode {
    let chain = std::iter::successors(Some(error), |error| (**error).source());
    let line = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    eprintln!("orfeas-worker: {line}");
    ExitCode::from(code)
}

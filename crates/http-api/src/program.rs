//! The `main` of a service.

use crate::Server;
use crate::signal::shutdown_on_signal;
use anyhow::{Context, Result};
use clap::Parser;
use std::io::Write;
use std::process::ExitCode;
use telemetry::TelemetryOptions;
use tokio_util::sync::CancellationToken;

/// All that a service's `main` does: reads the file `.env` and the command line, starts logs and traces, serves what
/// `start` starts until SIGTERM or SIGINT, drains, and sends the last traces. An error that ends it is logged, and is one
/// line on standard error.
pub fn run<O: Parser, E: Into<anyhow::Error>>(
    name: &'static str,
    telemetry: impl FnOnce(&O) -> &TelemetryOptions,
    start: impl AsyncFnOnce(&O, CancellationToken) -> Result<Server, E>,
) -> ExitCode {
    // Before any thread exists, as it sets the environment.
    env_file::load(name);
    let options = O::parse();
    let serve = async {
        let shutdown = shutdown_on_signal().context("signals cannot be caught")?;
        Ok(start(&options, shutdown).await.map_err(Into::into)?.ended().await?)
    };
    let logged = async {
        let telemetry = telemetry::init(telemetry(&options), name)?;
        let outcome: Result<()> = serve.await;
        match &outcome {
            Ok(()) => tracing::info!("ended"),
            Err(error) => tracing::error!(error = format!("{error:#}"), "ended by an error"),
        }
        telemetry.flush().await;
        outcome
    };
    let runtime = tokio::runtime::Runtime::new().context("the runtime does not start");
    match runtime.and_then(|runtime| runtime.block_on(logged)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A standard error that is closed or full changes nothing.
            let _ = writeln!(std::io::stderr(), "{name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

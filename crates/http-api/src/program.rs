//! The `main` of a service.

use crate::Server;
use crate::signal::shutdown_on_signal;
use anyhow::{Context, Result};
use clap::Parser;
use std::process::ExitCode;
use telemetry::TelemetryOptions;
use tokio_util::sync::CancellationToken;

/// All that a service's `main` does: reads the file `.env` and the command line, starts logs and traces, serves what
/// `start` starts until SIGTERM or SIGINT, drains, and sends the last traces.
///
/// # Errors
/// What keeps it from logging why it ends: a malformed `.env`, a runtime or telemetry that does not start.
pub fn run<O: Parser, E: Into<anyhow::Error>>(
    name: &'static str,
    telemetry: impl FnOnce(&O) -> &TelemetryOptions,
    start: impl AsyncFnOnce(&O, CancellationToken) -> Result<Server, E>,
) -> Result<ExitCode> {
    // Before any thread exists, as it sets the environment.
    env_file::load(name);
    let options = O::parse();
    let serve = async {
        let shutdown = shutdown_on_signal().context("signals cannot be caught")?;
        Ok(start(&options, shutdown).await.map_err(Into::into)?.ended().await?)
    };
    tokio::runtime::Runtime::new().context("the runtime does not start")?.block_on(async {
        let telemetry = telemetry::init(telemetry(&options), name)?;
        let outcome: Result<()> = serve.await;
        match &outcome {
            Ok(()) => tracing::info!("ended"),
            Err(error) => tracing::error!(error = format!("{error:#}"), "ended by an error"),
        }
        telemetry.flush().await;
        Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

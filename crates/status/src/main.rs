//! `orfeas-status`: see `--help`.

use anyhow::Context;
use clap::Parser;
use status::Options;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    // Before any thread exists, as it sets the environment.
    if let Err(error) = dotenvy::dotenv() {
        // The line at fault may hold a secret, so it is not shown.
        anyhow::ensure!(error.not_found(), "the file .env is not made of lines NAME=value");
    }
    let options = Options::parse();
    tokio::runtime::Runtime::new().context("the runtime does not start")?.block_on(run(options))
}

async fn run(options: Options) -> anyhow::Result<ExitCode> {
    let telemetry = telemetry::init(&options.telemetry, "orfeas-status")?;
    let outcome = serve(&options).await;
    if let Err(error) = &outcome {
        tracing::error!(error = format!("{error:#}"), "ended by an error");
    } else {
        tracing::info!("ended");
    }
    telemetry.flush().await;
    Ok(if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn serve(options: &Options) -> anyhow::Result<()> {
    let shutdown = web::shutdown_on_signal().context("signals cannot be caught")?;
    let server = status::start(options, shutdown).await?;
    Ok(server.ended().await?)
}

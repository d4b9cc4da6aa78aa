//! `orfeas-gateway`: see `--help`.

use gateway::Options;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    web::run("orfeas-gateway", |options: &Options| &options.service.telemetry, gateway::start)
}

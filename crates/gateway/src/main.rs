//! `orfeas-gateway`: see `--help`.

use gateway::Options;
use std::process::ExitCode;

fn main() -> ExitCode {
    http_api::run("orfeas-gateway", |options: &Options| &options.service.telemetry, gateway::start)
}

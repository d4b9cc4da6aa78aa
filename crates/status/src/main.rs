//! `orfeas-status`: see `--help`.

use status::Options;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    web::run("orfeas-status", |options: &Options| &options.service.telemetry, status::start)
}

//! `orfeas-status`: see `--help`.

use status::Options;
use std::process::ExitCode;

fn main() -> ExitCode {
    http_api::run("orfeas-status", |options: &Options| &options.service.telemetry, status::start)
}

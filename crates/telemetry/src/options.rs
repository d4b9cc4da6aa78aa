//! What an operator may set.

use clap::{Args, ValueEnum};

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people at a terminal.
    Pretty,
}

/// Logs and traces of one process.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryOptions {
    /// Which log lines to write: a level (error, warn, info, debug, trace), or levels by target such as
    /// "info,queue=debug".
    #[arg(long, env = "ORFEAS_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,

    /// How log lines look.
    #[arg(long, env = "ORFEAS_LOG_FORMAT", value_enum, default_value = "json")]
    pub log_format: LogFormat,

    /// Where to send traces, over OTLP gRPC, such as http://collector:4317. Unset or empty: traces are made (so that
    /// logs can name them) but not sent. The usual OTEL_* variables for sampling and batching are honoured as well.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

impl Default for TelemetryOptions {
    fn default() -> Self {
        Self { log: "info".to_owned(), log_format: LogFormat::Json, otlp_endpoint: None }
    }
}

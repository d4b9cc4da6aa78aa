//! The telemetry options of a process.

use clap::{Args, ValueEnum};

/// The format of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    #[default]
    Json,
    /// For reading at a terminal.
    Pretty,
}

/// Logs and traces of one process.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Telemetry")]
pub struct TelemetryOptions {
    /// Log filter: a level (error, warn, info, debug, trace), or levels by target such as "info,queue=debug".
    #[arg(long, env = "ORFEAS_LOG", default_value = "info", value_name = "FILTER")]
    pub log: String,

    /// Format of log lines.
    #[arg(long, env = "ORFEAS_LOG_FORMAT", value_enum, default_value = "json")]
    pub log_format: LogFormat,

    /// OTLP gRPC endpoint for traces, such as http://collector:4317. Unset or empty: trace ids exist for logs, but traces
    /// are not exported. The standard OTEL_* variables for sampling and batching apply as well.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

impl Default for TelemetryOptions {
    fn default() -> Self {
        Self { log: "info".to_owned(), log_format: LogFormat::Json, otlp_endpoint: None }
    }
}

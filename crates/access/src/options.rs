//! What an operator may set.

use clap::Args;
use std::path::PathBuf;

/// Whose requests are answered.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub struct AccessOptions {
    /// File of the API keys that are let in: a JSON list of {"owner": "...", "sha256": "..."}, where sha256 is the
    /// SHA-256 of the whole key in lower-case hex. It holds no secrets. It is read once, at start.
    #[arg(long, env = "ORFEAS_API_KEYS_FILE", value_name = "FILE")]
    pub api_keys_file: PathBuf,
}

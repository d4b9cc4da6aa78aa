//! `orfeas audit`: who asked for what, and what was said.

mod line;

use crate::Error;
use crate::up::Store;
use access::audit::{AuditReader, Filter, Outcome, Record};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::time::Duration;

/// What `orfeas audit` may be told.
#[derive(Debug, Args)]
pub struct Options {
    /// Only of this tenant (agt_…, usr_…), or of who claimed to be it
    #[arg(long, value_name = "ID")]
    pub tenant: Option<String>,
    /// Only with this key (key_…)
    #[arg(long, value_name = "ID")]
    pub key: Option<String>,
    /// Only what was decided so: allowed, refused, or gap (records that could not be kept)
    #[arg(long)]
    pub outcome: Option<Outcome>,
    /// Only what was decided in the last while, such as 15m, 1h or 7d
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub since: Option<Duration>,
    /// Go on with what comes, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Print each record as a line of JSON
    #[arg(long)]
    pub json: bool,
    /// Directory of an `orfeas up`, whether it runs or not
    #[arg(long, env = "ORFEAS_DATA", value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// In place of --data: a Redis, as redis://user:password@host:port/database
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<SecretString>,
    /// What all keys in it begin with
    #[arg(long, env = "ORFEAS_QUEUE_PREFIX", value_name = "PREFIX", default_value = "orfeas")]
    pub queue_prefix: String,
    /// The redis-server program, for a data directory where no `orfeas up` runs
    #[arg(long, env = "ORFEAS_REDIS_SERVER", value_name = "PROGRAM", default_value = "redis-server")]
    pub redis_server: PathBuf,
}

/// Prints the records, oldest first.
///
/// # Errors
/// [`Error::Unavailable`] when there is no such directory or Redis does not answer.
pub async fn run(options: &Options) -> Result<(), Error> {
    if let Some(url) = &options.redis_url {
        return print_all(options, url.expose_secret()).await;
    }
    let store = Store::open(&options.data, &options.redis_server).await?;
    let outcome = print_all(options, &store.redis_url).await;
    store.close().await;
    outcome
}

async fn print_all(options: &Options, redis_url: &str) -> Result<(), Error> {
    let reading = read(options, redis_url);
    if !options.follow {
        return reading.await;
    }
    tokio::select! {
        result = reading => result,
        // Who follows ends it so: that is no failure.
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn read(options: &Options, redis_url: &str) -> Result<(), Error> {
    let Options { tenant, key, outcome, since, .. } = options;
    let filter = Filter { tenant: tenant.clone(), key_id: key.clone(), outcome: *outcome };
    let mut reader = AuditReader::open(redis_url, &options.queue_prefix, *since, filter).await?;
    while let Some(records) = reader.next(options.follow).await? {
        match print(&records, options.json) {
            // Whoever reads has read enough: `orfeas audit | head`.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            result => result.map_err(anyhow::Error::from)?,
        }
    }
    Ok(())
}

fn print(records: &[Record], json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for record in records {
        match json {
            true => writeln!(out, "{}", serde_json::to_string(record)?)?,
            false => writeln!(out, "{}", line::of(record))?,
        }
    }
    out.flush()
}

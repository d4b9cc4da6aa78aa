//! `orfeas audit`: the log of allowed and refused requests.

mod line;

use crate::up::Store;
use crate::{Error, terminal};
use access::audit::{AuditReader, Filter, Outcome, Record};
use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use std::time::Duration;

/// The options of `orfeas audit`.
#[derive(Debug, Args)]
pub struct Options {
    /// Only requests of this tenant (agt_…, usr_…), those included that only claimed to be from it
    #[arg(long, value_name = "ID")]
    pub tenant: Option<String>,
    /// Only requests with this key (key_…)
    #[arg(long, value_name = "ID")]
    pub key: Option<String>,
    /// Only this outcome: allowed, refused, or gap (records that were lost)
    #[arg(long)]
    pub outcome: Option<Outcome>,
    /// Only the last while, such as 15m, 1h or 7d
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub since: Option<Duration>,
    /// Continue with new records until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// Print each record as a line of JSON
    #[arg(long)]
    pub json: bool,
    /// Data directory of an `orfeas up`, running or not
    #[arg(long, env = "ORFEAS_DATA", value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
    /// In place of --data: a Redis, as redis://user:password@host:port/database
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<SecretString>,
    /// The prefix of all keys in it
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
        // The usual end of --follow.
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

async fn read(options: &Options, redis_url: &str) -> Result<(), Error> {
    let Options { tenant, key, outcome, since, .. } = options;
    let filter = Filter { tenant: tenant.clone(), key_id: key.clone(), outcome: *outcome };
    let mut reader = AuditReader::open(redis_url, &options.queue_prefix, *since, filter).await?;
    while let Some(records) = reader.next(options.follow).await? {
        let lines = records.iter().map(|record| text(record, options.json)).collect::<Result<String, _>>();
        terminal::print(&lines.map_err(anyhow::Error::from)?)?;
    }
    Ok(())
}

fn text(record: &Record, json: bool) -> serde_json::Result<String> {
    let line = if json { serde_json::to_string(record)? } else { line::of(record) };
    Ok(line + "\n")
}

//! `orfeas audit`: the log of allowed and refused requests.

mod line;

use crate::place::Place;
use crate::{Error, terminal};
use access::audit::{AuditReader, Filter, Outcome, Record};
use clap::Args;
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
    #[command(flatten)]
    place: Place,
}

/// Prints the records, oldest first.
///
/// # Errors
/// [`Error::Unavailable`] when there is no such directory or Redis does not answer.
pub async fn run(options: &Options) -> Result<(), Error> {
    let place = options.place.open().await?;
    let outcome = print_all(options, &place.redis_url).await;
    place.close().await;
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
    let mut reader = AuditReader::open(redis_url, &options.place.queue_prefix, *since, filter).await?;
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

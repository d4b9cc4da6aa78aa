//! `orfeas dead-letters`: jobs that used up their attempts. The same operations are available over HTTP under
//! `/api/admin/dead-letters`.

use crate::place::{OpenPlace, Place};
use crate::table::table;
use crate::{Error, terminal, text};
use queue::{DeadLetter, Queue, RedisOptions};
use serde_json::{Value, json};

/// Letters of one request to the queue.
const PAGE: usize = 500;

/// The options of `orfeas dead-letters`.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the letters, latest first
    List {
        /// The most letters to list
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// Print JSON, with the jobs as they were submitted
        #[arg(long)]
        json: bool,
    },
    /// Submit the jobs of letters again, under new ids, and delete the letters
    Redrive {
        #[command(flatten)]
        letters: Letters,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete letters
    Discard(Letters),
}

#[derive(Debug, clap::Args)]
struct Letters {
    /// The ids of the letters
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
}

/// Runs one of the subcommands.
///
/// # Errors
/// A Redis that does not answer, and letters that do not exist.
pub async fn run(options: &Options) -> Result<(), Error> {
    let place = options.place.open().await?;
    let outcome = command(options, &place).await;
    place.close().await;
    outcome
}

async fn command(options: &Options, place: &OpenPlace) -> Result<(), Error> {
    let redis = RedisOptions::at(&place.redis_url).map_err(|error| Error::Usage(error.to_string()))?;
    // An operator may redrive more jobs than clients may submit.
    let redis = RedisOptions { queue_max_depth: 0, ..redis.with_prefix(&options.place.queue_prefix) };
    let queue = Queue::connect(&redis).await?;
    match &options.command {
        Command::List { limit, json } => list(&queue, *limit, *json).await,
        Command::Redrive { letters, json } => redrive(&queue, &letters.ids, *json).await,
        Command::Discard(letters) => {
            for id in &letters.ids {
                queue.discard(id).await?;
            }
            Ok(())
        }
    }
}

async fn list(queue: &Queue, limit: usize, json: bool) -> Result<(), Error> {
    let mut letters: Vec<DeadLetter> = Vec::new();
    while letters.len() < limit {
        let before = letters.last().map(|letter| letter.id.clone());
        let page = queue.dead_letters(before.as_deref(), PAGE.min(limit - letters.len())).await?;
        if page.is_empty() {
            break;
        }
        letters.extend(page);
    }
    if json {
        return text::json(&letters.iter().map(as_json).collect::<Vec<_>>());
    }
    let rows: Vec<Vec<String>> = letters.iter().map(row).collect();
    terminal::print(&table(&["ID", "FAILED", "JOB", "TENANT", "ATTEMPTS", "FAILURE"], &rows))
}

fn row(letter: &DeadLetter) -> Vec<String> {
    let (job, tenant) = match &letter.job {
        Ok(job) => (job.id.to_string(), job.owner.clone()),
        Err(_) => ("unreadable".to_owned(), String::new()),
    };
    let failure = letter.failure.as_ref().map(|failure| failure.code.to_string()).unwrap_or_default();
    vec![letter.id.clone(), text::time(Some(letter.at_ms)), job, tenant, letter.attempts.to_string(), failure]
}

fn as_json(letter: &DeadLetter) -> Value {
    json!({
        "id": letter.id,
        "job": letter.job.as_ref().ok(),
        "unreadable": letter.job.as_ref().err(),
        "failure": letter.failure,
        "attempts": letter.attempts,
        "worker": letter.worker,
        "failed_ms": letter.at_ms,
    })
}

/// Prints each new job as soon as it is queued: an error about a later letter leaves it queued.
async fn redrive(queue: &Queue, letters: &[String], json: bool) -> Result<(), Error> {
    for id in letters {
        let job = queue.redrive(id).await?;
        let line = if json { json!({ "letter": id, "job_id": job }).to_string() } else { format!("{id}  {job}") };
        terminal::print(&(line + "\n"))?;
    }
    Ok(())
}

//! `orfeas agents`: the tenants of a server, agents and users, and their keys.
//!
//! It works on the registry itself: that of a data directory, whether `orfeas up` runs there or not, or that of any
//! Redis, with the master key. The same operations are available over HTTP under `/api/admin`.

mod add;
mod change;
mod issued;
mod limits;
mod list;
mod network;
mod reseal;
mod revoke;
mod rotate;
mod show;

use crate::Error;
use crate::place::{OpenPlace, Place};
use access::{Defaults, MasterKeyOptions, Registry};

/// The options of `orfeas agents`.
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(flatten)]
    place: Place,
    /// The master key, which --redis-url needs.
    #[command(flatten)]
    master: MasterKeyOptions,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add an agent or a user, and print its first key
    Add(add::Options),
    /// List all agents and users
    List(list::Options),
    /// Show one with its keys
    Show(show::Options),
    /// Change one: only what is given
    Change(change::Options),
    /// Make a new key; the old ones stay valid for a while
    Rotate(rotate::Options),
    /// Revoke one key, or an agent with all its keys, at once
    Revoke(revoke::Options),
    /// Change the master key: put a new one before the old one in its file, on a line of its own, and run this; then
    /// remove the old one
    Reseal,
}

/// Runs one of the subcommands.
///
/// # Errors
/// A registry that cannot be opened, or that refuses.
pub async fn run(options: &Options) -> Result<(), Error> {
    let place = options.place.open().await?;
    let outcome = command(options, &place).await;
    place.close().await;
    outcome
}

async fn command(options: &Options, place: &OpenPlace) -> Result<(), Error> {
    let registry = match place.registry() {
        Some(registry) => registry.clone(),
        None => {
            let master = options.master.load()?;
            Registry::connect(&place.redis_url, &options.place.queue_prefix, &master, Defaults::default()).await?
        }
    };
    let registry = &registry;
    match &options.command {
        Command::Add(options) => add::run(registry, options).await,
        Command::List(options) => list::run(registry, options).await,
        Command::Show(options) => show::run(registry, options).await,
        Command::Change(options) => change::run(registry, options).await,
        Command::Rotate(options) => rotate::run(registry, options).await,
        Command::Revoke(options) => revoke::run(registry, options).await,
        Command::Reseal => reseal::run(registry).await,
    }
}

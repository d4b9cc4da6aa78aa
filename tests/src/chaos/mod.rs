//! A run under fault: clients submit without pause while processes are killed, stopped and restarted, and while Redis
//! goes away. Afterwards every accepted job must have ended exactly once, with the result that its client was given.

mod client;
mod fault;
mod installation;
mod report;

pub use report::Report;

use client::Clients;
use fault::Injector;
use installation::Installation;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a run is made.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long faults are injected.
    pub duration: Duration,
    /// Seed of the order of faults and of their lengths.
    pub seed: u64,
    /// Shortest and longest outage of Redis.
    pub outage: (Duration, Duration),
    /// Clients that submit at the same time.
    pub clients: usize,
    /// The model that the workers run.
    pub model: PathBuf,
    /// Denoising steps of a short and of a long job; every fourth job is long.
    pub steps: (u32, u32),
    /// How long the installation may take to finish its jobs after the last fault.
    pub settle: Duration,
}

/// Runs it.
pub async fn run(options: &Options) -> Report {
    let installation = Arc::new(Installation::start(&options.model).await);
    let mut clients = Clients::start(&installation, options);
    let mut injector = Injector::new(Arc::clone(&installation), options);
    let end = Instant::now() + options.duration;
    while Instant::now() < end {
        injector.inject().await;
    }
    let faults = injector.finish().await;
    let jobs = clients.finish(options.settle).await;
    Report::new(&installation, faults, jobs).await
}

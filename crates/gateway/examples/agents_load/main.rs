//! Load test: many agents at three gateways on one Redis, checked against their limits.
//!
//! `cargo build --release -p gateway --bin orfeas-gateway --example agents_load`, then
//! `target/release/examples/agents_load --seconds 600`
//!
//! It starts a redis-server and the gateways itself, each a process, on loopback, and sends them traffic of its own
//! only. All agents have test keys, so no model is needed; everything else is real: each request is signed, has
//! an image, and makes a job, which is simulated to its end.
//!
//! *Steady* agents send just below their limit, and each of their requests must be accepted. *Greedy* ones send ten times
//! a second, and must get exactly their limit: no more in any 60 s, and no less over the whole time. The exit code is 1
//! when a check fails.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

mod agent;
mod house;
mod report;

use agent::{Agent, Kind};
use clap::Parser;
use house::House;
use report::Report;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Many agents at several gateways on one Redis.
#[derive(Parser)]
struct Options {
    /// Duration in seconds; a multiple of 60 checks the limits best.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Agents that stay below their limit.
    #[arg(long, default_value_t = 95)]
    steady: u32,
    /// Agents that send more than their limit.
    #[arg(long, default_value_t = 5)]
    greedy: u32,
    /// Requests in any 60 s that each may make.
    #[arg(long, default_value_t = 100)]
    per_minute: u32,
    /// Gateways.
    #[arg(long, default_value_t = 3)]
    gateways: usize,
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let house = House::start(options.gateways, options.per_minute).await;
    let picture = house::picture();
    let mut agents = Vec::new();
    for number in 0..options.steady + options.greedy {
        let kind = if number < options.steady { Kind::Steady } else { Kind::Greedy };
        agents.push(Agent::new(&house, kind, number, options.per_minute, Arc::clone(&picture)).await);
    }
    println!(
        "{} steady and {} greedy agents, {} requests a minute each, {} gateways, {} s",
        options.steady, options.greedy, options.per_minute, options.gateways, options.seconds
    );
    let begun = Instant::now();
    let end = begun + Duration::from_secs(options.seconds);
    let tasks: Vec<_> = agents.into_iter().map(|agent| tokio::spawn(agent.ask(begun, end))).collect();
    let mut logs = Vec::new();
    for task in tasks {
        logs.push(task.await.unwrap());
    }
    let report = Report::of(logs, options.per_minute, Duration::from_secs(options.seconds));
    let memory = house.peak_memory();
    house.stop().await;
    print!("{report}");
    println!("memory        no gateway ever had more than {memory} MiB");
    if report.is_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

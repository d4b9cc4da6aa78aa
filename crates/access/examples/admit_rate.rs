//! How many requests a second one Redis admits: `cargo run --release -p access --example admit_rate -- [seconds]`.
//!
//! It starts a redis-server of its own, with an append-only file synced each second, as in production, and admits signed
//! requests of 100 agents with as many requests under way as each line of its output says.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use access::limits::{Limiter, Nonce};
use access::{Caller, Operation};
use caller::agent;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use test_support::RedisServer;

#[path = "../tests/it/caller.rs"]
mod caller;

const AGENTS: usize = 100;
const GATEWAYS: usize = 3;

#[tokio::main]
async fn main() {
    let seconds = std::env::args().nth(1).map_or(5, |text| text.parse().expect("a number of seconds"));
    let redis = RedisServer::start_with(&["--appendonly", "yes", "--appendfsync", "everysec"]);
    let gateways: Arc<[Limiter]> = (0..GATEWAYS).map(|_| Limiter::new(&redis.url(), "bench").unwrap()).collect();
    // Agents that may ask as often as Redis can count: every request is written down, none is refused.
    let agents = (0..AGENTS).map(|_| agent(|limits| limits.requests_per_minute = 10_000_000));
    let agents: Arc<[Caller]> = agents.collect();
    println!("| under way | admits/s | p50 | p99 | Redis's own time per admit |");
    println!("| ---: | ---: | ---: | ---: | ---: |");
    for under_way in [1, 8, 64] {
        reset(&redis).await;
        let end = Instant::now() + Duration::from_secs(seconds);
        let tasks: Vec<_> = (0..under_way)
            .map(|task| {
                let (gateways, agents) = (Arc::clone(&gateways), Arc::clone(&agents));
                tokio::spawn(async move {
                    let mut times = Vec::new();
                    for n in task.. {
                        let begun = Instant::now();
                        if begun >= end {
                            break;
                        }
                        let nonce = Nonce::new(format!("{task} {n} {under_way}").as_bytes(), now());
                        let (gateway, agent) = (&gateways[n % GATEWAYS], &agents[n % AGENTS]);
                        gateway.admit(agent, Operation::ALL[n % 5], Some(nonce)).await.unwrap();
                        times.push(begun.elapsed());
                    }
                    times
                })
            })
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.extend(task.await.unwrap());
        }
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "| {under_way} | {:.0} | {:.2} ms | {:.2} ms | {} µs |",
            times.len() as f64 / seconds as f64,
            at(0.5),
            at(0.99),
            per_call(&redis).await
        );
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().cast_signed()
}

async fn reset(redis: &RedisServer) {
    let mut connection = connect(redis).await;
    let () = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
    let () = redis::cmd("CONFIG").arg("RESETSTAT").query_async(&mut connection).await.unwrap();
}

/// Microseconds of a script, as Redis counts them.
async fn per_call(redis: &RedisServer) -> String {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(&mut connect(redis).await).await.unwrap();
    let line = info.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap().to_owned();
    line.split(',').find_map(|field| field.strip_prefix("usec_per_call=")).unwrap().to_owned()
}

async fn connect(redis: &RedisServer) -> redis::aio::MultiplexedConnection {
    redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

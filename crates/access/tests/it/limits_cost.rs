//! Cost of authentication, limits and audit in Redis: the figures of `docs/benchmarks/access.md`.
#![allow(clippy::print_stdout, reason = "prints the figures")]

use crate::caller::agent;
use crate::world::World;
use access::Operation;
use access::audit::{Audit, AuditOptions, Event, Outcome};
use access::limits::{Limiter, Nonce, Work};
use redis::aio::MultiplexedConnection;
use test_support::RedisServer;

async fn connect(redis: &RedisServer) -> MultiplexedConnection {
    redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn memory(connection: &mut MultiplexedConnection, key: &str) -> u64 {
    redis::cmd("MEMORY").arg("USAGE").arg(key).arg("SAMPLES").arg(0).query_async(connection).await.unwrap()
}

async fn keys(connection: &mut MultiplexedConnection, pattern: &str) -> Vec<String> {
    redis::cmd("KEYS").arg(pattern).query_async(connection).await.unwrap()
}

#[tokio::test]
async fn a_call_is_one_round_trip() {
    let redis = RedisServer::start();
    let limiter = Limiter::new(&redis.url(), "test").unwrap();
    let caller = agent(|_| ());
    let work = Work { jobs: 1, pixels: 1_000_000 };
    // The first call of a script loads it.
    limiter.admit(&caller, Operation::Generate, None).await.unwrap();
    limiter.charge(&caller, Operation::Generate, work).await.unwrap().refund().await.unwrap();
    limiter.view(&caller, 0, 0).await.unwrap();

    let mut connection = connect(&redis).await;
    // Counts scripts, not the commands that they run.
    let processed = async |connection: &mut MultiplexedConnection| -> u64 {
        let info: String = redis::cmd("INFO").arg("commandstats").query_async(connection).await.unwrap();
        let line = info.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap().to_owned();
        line.split(['=', ',']).nth(1).unwrap().parse().unwrap()
    };
    let before = processed(&mut connection).await;
    for n in 0..10 {
        limiter.admit(&caller, Operation::Generate, Some(Nonce::new(&[n], now(&mut connection).await))).await.unwrap();
        let receipt = limiter.charge(&caller, Operation::Generate, work).await.unwrap();
        receipt.refund().await.unwrap();
        limiter.view(&caller, 0, 0).await.unwrap();
    }
    assert_eq!(processed(&mut connection).await - before, 40);
}

/// Commands that Redis has run, including those in scripts.
async fn commands(connection: &mut MultiplexedConnection) -> u64 {
    let info: String = redis::cmd("INFO").arg("commandstats").query_async(connection).await.unwrap();
    let calls = |line: &str| line.strip_prefix("cmdstat_")?.split(['=', ',']).nth(1)?.parse::<u64>().ok();
    let own = |line: &&str| !line.starts_with("cmdstat_info");
    info.lines().filter(own).filter_map(calls).sum()
}

/// What one submission costs here: a lookup, an admission and a charge.
#[tokio::test]
async fn a_submission_takes_few_commands() {
    for (requests_per_minute, is_signed, max) in [(0, false, 10), (100, false, 13), (100, true, 15)] {
        let world = World::new().await;
        let ada = world.agent("ada").await;
        let caller = agent(|limits| limits.requests_per_minute = requests_per_minute);
        let limiter = world.registry.limiter();
        let mut connection = connect(&world.redis).await;
        let seconds = now(&mut connection).await;
        let submit = async |n: u8| {
            let _ = world.bearer(&ada).await.unwrap();
            let nonce = is_signed.then(|| Nonce::new(&[n], seconds));
            limiter.admit(&caller, Operation::Generate, nonce).await.unwrap();
            let work = Work { jobs: 1, pixels: 1_000_000 };
            limiter.charge(&caller, Operation::Generate, work).await.unwrap().keep();
        };
        submit(0).await;
        let before = commands(&mut connection).await;
        for n in 1..=10 {
            submit(n).await;
        }
        let each = (commands(&mut connection).await - before) as f64 / 10.0;
        println!("limit {requests_per_minute}, signed {is_signed}: {each} commands per submission");
        assert!(each <= f64::from(max), "limit {requests_per_minute}, signed {is_signed}: {each}");
    }
}

async fn now(connection: &mut MultiplexedConnection) -> i64 {
    let (seconds, _): (i64, i64) = redis::cmd("TIME").query_async(connection).await.unwrap();
    seconds
}

#[tokio::test]
async fn a_window_of_a_hundred_takes_less_than_a_kilobyte() {
    let redis = RedisServer::start();
    let limiter = Limiter::new(&redis.url(), "test").unwrap();
    let mut connection = connect(&redis).await;
    for (requests, max) in [(1, 300), (100, 1_000), (1_000, 7_000), (10_000, 66_000)] {
        let caller = agent(|limits| limits.requests_per_minute = requests);
        for _ in 0..requests {
            limiter.admit(&caller, Operation::Generate, None).await.unwrap();
        }
        let bytes = memory(&mut connection, &format!("test:{{access}}:window:{}:generate", caller.key_id)).await;
        println!("window of {requests}: {bytes} bytes");
        assert!(bytes <= max, "{requests}: {bytes}");
    }
}

#[tokio::test]
async fn a_nonce_takes_eight_bytes_and_its_set_little_more() {
    let redis = RedisServer::start();
    let limiter = Limiter::new(&redis.url(), "test").unwrap();
    let mut connection = connect(&redis).await;
    for (count, max) in [(1_u32, 240.0), (100, 12.0), (500, 10.0), (5_000, 90.0)] {
        let caller = agent(|limits| limits.requests_per_minute = 0);
        let minute = now(&mut connection).await / 60 * 60;
        for n in 0..count {
            limiter.admit(&caller, Operation::Generate, Some(Nonce::new(&n.to_be_bytes(), minute))).await.unwrap();
        }
        let found = keys(&mut connection, &format!("*nonces:{}:*", caller.key_id)).await;
        assert_eq!(found.len(), 1);
        let bytes = memory(&mut connection, &found[0]).await;
        let each = bytes as f64 / f64::from(count);
        println!("{count} nonces of a key in a minute: {bytes} bytes, {each:.1} each");
        assert!(each <= max, "{count}: {each}");
    }
}

#[tokio::test]
async fn an_audit_record_takes_less_than_a_hundred_and_sixty_bytes() {
    let redis = RedisServer::start();
    let audit = Audit::start(&redis.url(), "test", AuditOptions::default()).unwrap();
    let caller = agent(|_| ());
    for n in 0..4_000 {
        audit.record(Event {
            proven: true,
            tenant: Some(caller.tenant.id.clone()),
            key_id: Some(caller.key_id.clone()),
            operation: Some(Operation::Generate),
            outcome: Outcome::Allowed,
            reason: "",
            ip: Some("192.0.2.7".parse().unwrap()),
            request_id: format!("0192f3a4-5b6c-7d8e-9f00-{n:012}"),
        });
    }
    audit.flush().await;
    assert_eq!(audit.dropped(), 0);
    let mut connection = connect(&redis).await;
    let bytes = memory(&mut connection, "test:{access}:audit").await as f64 / 4_000.0;
    println!("a record: {bytes:.0} bytes");
    assert!(bytes < 160.0, "{bytes}");
}

#[tokio::test]
async fn a_day_of_a_tenant_takes_less_than_two_hundred_bytes() {
    let redis = RedisServer::start();
    let limiter = Limiter::new(&redis.url(), "test").unwrap();
    let caller = agent(|_| ());
    limiter.charge(&caller, Operation::Generate, Work { jobs: 1, pixels: 123_456_789 }).await.unwrap().keep();
    let bytes = memory(&mut connect(&redis).await, &format!("test:{{access}}:day:{}", caller.tenant.id)).await;
    println!("a day: {bytes} bytes");
    assert!(bytes < 200, "{bytes}");
}

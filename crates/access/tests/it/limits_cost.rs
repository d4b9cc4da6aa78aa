//! What limits and audit cost in Redis: the figures in `docs/benchmarks/access.md`.
#![allow(clippy::print_stdout, reason = "the figures are what one runs this for")]

use crate::caller::agent;
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
    // Scripts are sent once.
    limiter.admit(&caller, Operation::Generate, None).await.unwrap();
    limiter.refund(limiter.charge(&caller, Operation::Generate, work).await.unwrap()).await.unwrap();
    limiter.view(&caller, 0, 0).await.unwrap();

    let mut connection = connect(&redis).await;
    // Commands that a script runs are not counted here.
    let processed = async |connection: &mut MultiplexedConnection| -> u64 {
        let info: String = redis::cmd("INFO").arg("commandstats").query_async(connection).await.unwrap();
        let line = info.lines().find(|line| line.starts_with("cmdstat_evalsha:")).unwrap().to_owned();
        line.split(['=', ',']).nth(1).unwrap().parse().unwrap()
    };
    let before = processed(&mut connection).await;
    for n in 0..10 {
        limiter.admit(&caller, Operation::Generate, Some(Nonce::new(&[n], now(&mut connection).await))).await.unwrap();
        let receipt = limiter.charge(&caller, Operation::Generate, work).await.unwrap();
        limiter.refund(receipt).await.unwrap();
        limiter.view(&caller, 0, 0).await.unwrap();
    }
    assert_eq!(processed(&mut connection).await - before, 40);
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
    for (requests, most) in [(1, 300), (100, 1_000), (1_000, 7_000), (10_000, 66_000)] {
        let caller = agent(|limits| limits.requests_per_minute = requests);
        for _ in 0..requests {
            limiter.admit(&caller, Operation::Generate, None).await.unwrap();
        }
        let bytes = memory(&mut connection, &format!("test:{{access}}:window:{}:generate", caller.key_id)).await;
        println!("window of {requests}: {bytes} bytes");
        assert!(bytes <= most, "{requests}: {bytes}");
    }
}

#[tokio::test]
async fn a_nonce_takes_eight_bytes_and_its_set_little_more() {
    let redis = RedisServer::start();
    let limiter = Limiter::new(&redis.url(), "test").unwrap();
    let mut connection = connect(&redis).await;
    for (count, most) in [(1_u32, 240.0), (100, 12.0), (500, 10.0), (5_000, 90.0)] {
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
        assert!(each <= most, "{count}: {each}");
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
    let _ = limiter.charge(&caller, Operation::Generate, Work { jobs: 1, pixels: 123_456_789 }).await.unwrap();
    let bytes = memory(&mut connect(&redis).await, &format!("test:{{access}}:day:{}", caller.tenant.id)).await;
    println!("a day: {bytes} bytes");
    assert!(bytes < 200, "{bytes}");
}

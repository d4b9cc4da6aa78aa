//! A signed request is admitted once: on all gateways, with differing clocks, and after a restart.

use crate::caller::agent;
use crate::world::{command, let_pass};
use access::limits::{Limiter, Nonce, Refused};
use access::{Caller, Operation};
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};
use test_support::RedisServer;

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

async fn seconds(redis: &RedisServer) -> i64 {
    let (seconds, _micros): (i64, i64) = command(redis, &["TIME"]).await;
    seconds
}

async fn admit(limiter: &Limiter, caller: &Caller, nonce: Nonce) -> Result<(), Refused> {
    limiter.admit(caller, Operation::Generate, Some(nonce)).await.map(|_| ())
}

#[tokio::test]
async fn a_replay_is_refused_on_every_gateway_for_every_operation() {
    let redis = RedisServer::start();
    let gateways = [(); 3].map(|()| Limiter::new(&redis.url(), "test").unwrap());
    let caller = agent(|_| ());
    let nonce = Nonce::new(b"a nonce", now());
    admit(&gateways[0], &caller, nonce).await.unwrap();
    for gateway in &gateways {
        for operation in Operation::ALL {
            let refused = gateway.admit(&caller, operation, Some(nonce)).await.unwrap_err();
            assert!(matches!(refused, Refused::Replayed), "{refused}");
        }
    }
    admit(&gateways[1], &agent(|_| ()), nonce).await.unwrap();
    admit(&gateways[1], &caller, Nonce::new(b"another", now())).await.unwrap();
}

#[tokio::test]
async fn one_of_a_thousand_concurrent_replays_is_admitted() {
    let redis = RedisServer::start();
    let gateways = [(); 4].map(|()| Limiter::new(&redis.url(), "test").unwrap());
    let caller = agent(|limits| limits.requests_per_minute = 0);
    let nonce = Nonce::new(b"a nonce", now());
    let tasks: Vec<_> = (0..1_000)
        .map(|n| {
            let (gateway, caller) = (gateways[n % 4].clone(), caller.clone());
            tokio::spawn(async move { admit(&gateway, &caller, nonce).await.is_ok() })
        })
        .collect();
    let mut admitted = 0;
    for task in tasks {
        admitted += u32::from(task.await.unwrap());
    }
    assert_eq!(admitted, 1);
}

#[tokio::test]
async fn nonces_outlive_a_restart() {
    let redis = RedisServer::start_durable();
    let caller = agent(|_| ());
    let nonces: Vec<Nonce> = (0..50).map(|n: i64| Nonce::new(&n.to_be_bytes(), now() + 3 * n - 75)).collect();
    let limiter = Limiter::new(&redis.url(), "test").unwrap();
    for &nonce in &nonces {
        admit(&limiter, &caller, nonce).await.unwrap();
    }
    redis.kill();
    redis.restart();
    let limiter = Limiter::new(&redis.url(), "test").unwrap();
    for &nonce in &nonces {
        assert!(matches!(admit(&limiter, &caller, nonce).await, Err(Refused::Replayed)));
    }
}

#[tokio::test]
async fn signatures_whose_nonces_may_have_expired_are_refused() {
    let redis = RedisServer::start();
    let limiter = Limiter::new(&redis.url(), "test").unwrap();
    let caller = agent(|_| ());
    let mut minutes = BTreeSet::new();
    for (off, fine) in [(0, true), (300, true), (-300, true), (360, true), (-360, true), (361, false), (-361, false)] {
        // Until the call starts and ends within the same second of Redis's clock.
        for attempt in 0.. {
            let before = seconds(&redis).await;
            let created = before + off;
            let nonce = Nonce::new(format!("n{off} {attempt}").as_bytes(), created);
            let result = admit(&limiter, &caller, nonce).await;
            if result.is_ok() {
                minutes.insert(created / 60);
            }
            if seconds(&redis).await == before {
                assert_eq!(result.is_ok(), fine, "{off} s: {result:?}");
                assert!(fine || matches!(result, Err(Refused::Stale)));
                break;
            }
        }
    }
    for far in [i64::MIN, 0, i64::MAX] {
        assert!(matches!(admit(&limiter, &caller, Nonce::new(b"n", far)).await, Err(Refused::Stale)), "{far}");
    }
    // Nonces are kept for as long as they can be replayed.
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*nonces*").query_async(&mut connection).await.unwrap();
    assert_eq!(keys.len(), minutes.len(), "{keys:?}");
    for key in keys {
        let forgotten: i64 = redis::cmd("EXPIRETIME").arg(&key).query_async(&mut connection).await.unwrap();
        let minute: i64 = key.rsplit(':').next().unwrap().parse().unwrap();
        assert!(minutes.contains(&minute), "{key}");
        let last_fresh = minute * 60 + 59 + 360;
        assert!(forgotten > last_fresh && forgotten <= last_fresh + 5, "{key} {forgotten}");
    }
}

#[tokio::test]
async fn a_refused_request_may_be_sent_again_as_it_is() {
    let redis = RedisServer::start();
    let limiter = Limiter::new(&redis.url(), "test").unwrap();
    let caller = agent(|limits| limits.requests_per_minute = 1);
    admit(&limiter, &caller, Nonce::new(b"first", now())).await.unwrap();
    let second = Nonce::new(b"second", now());
    let refused = admit(&limiter, &caller, second).await.unwrap_err();
    let_pass(&redis, &caller, Operation::Generate, refused.retry_after().unwrap()).await;
    admit(&limiter, &caller, second).await.unwrap();
    assert!(matches!(admit(&limiter, &caller, second).await, Err(Refused::Replayed)));
}

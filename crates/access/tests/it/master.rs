//! The master key and its change.

use crate::world::{MASTER, World, connect};
use access::{Error, Mode, NewTenant, Resealed};
use domain::Class;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use secrecy::ExposeSecret;
use std::sync::atomic::{AtomicBool, Ordering};
use test_support::RedisServer;

const NEXT: &str = "7777777777777777777777777777777777777777777777777777777777777777";
const BOTH: &str = "7777777777777777777777777777777777777777777777777777777777777777 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

async fn connection(redis: &RedisServer) -> MultiplexedConnection {
    redis::Client::open(redis.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
}

async fn lose_everything(redis: &RedisServer) {
    let _: () = redis::cmd("FLUSHALL").query_async(&mut connection(redis).await).await.unwrap();
}

#[tokio::test]
async fn another_master_key_is_refused_at_start() {
    let world = World::new().await;
    world.agent("ada").await;
    assert!(matches!(connect(&world.redis, NEXT).await, Err(Error::OtherMasterKey)));
    connect(&world.redis, MASTER).await.unwrap();
    connect(&world.redis, BOTH).await.unwrap();
}

#[tokio::test]
async fn after_resealing_the_new_master_key_opens_and_the_old_one_does_not() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let sealed = world.registry.sealer("hooks").seal(b"whsec", "here").unwrap();
    let both = connect(&world.redis, BOTH).await.unwrap();
    assert_eq!(both.reseal().await.unwrap(), Resealed::Done);
    assert!(matches!(connect(&world.redis, MASTER).await, Err(Error::OtherMasterKey)));

    // Open registries keep working, and newly opened ones have all tenants.
    let next = World { registry: connect(&world.redis, NEXT).await.unwrap(), redis: world.redis };
    let bob = next.agent("bob").await;
    let before = World { registry: world.registry, redis: next.redis };
    for world in [&before, &World { registry: next.registry, redis: RedisServer::start() }] {
        for agent in [&ada, &bob] {
            world.bearer(agent).await.unwrap();
            world.signed(agent).await.unwrap();
        }
        assert_eq!(world.registry.sealer("hooks").open(&sealed, "here").unwrap().expose_secret(), b"whsec");
    }
    assert!(matches!(before.registry.reseal().await, Err(Error::OtherMasterKey)), "not by the old key");
    let back = connect(&before.redis, &BOTH.split(' ').rev().collect::<Vec<_>>().join("\n")).await.unwrap();
    back.reseal().await.unwrap();
    connect(&before.redis, MASTER).await.unwrap();
    assert!(matches!(connect(&before.redis, NEXT).await, Err(Error::OtherMasterKey)));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_resealing_refuses_no_request() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let (back, forth) = (format!("{MASTER} {NEXT}"), BOTH);
    let resealing = async |master: &str| {
        for _ in 0..20 {
            match connect(&world.redis, master).await.unwrap().reseal().await {
                Ok(resealed) => assert_eq!(resealed, Resealed::Done),
                Err(error) => assert!(matches!(error, Error::Contended(_)), "{error}"),
            }
        }
    };
    let done = AtomicBool::new(false);
    let asking = async {
        while !done.load(Ordering::Relaxed) {
            world.bearer(&ada).await.unwrap();
            world.signed(&ada).await.unwrap();
        }
    };
    let all = async {
        tokio::join!(resealing(&back), resealing(forth));
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(asking, all);
}

#[tokio::test]
async fn after_data_loss_the_first_process_creates_a_new_registry() {
    let world = World::new().await;
    let lost = world.agent("ada").await;
    lose_everything(&world.redis).await;
    let other = connect(&world.redis, MASTER).await.unwrap();
    let ada = other.add(NewTenant::new("ada", Class::Agent), Mode::Live, None).await.unwrap();
    world.bearer(&lost).await.unwrap_err();
    world.bearer(&ada).await.unwrap();
    world.signed(&ada).await.unwrap();

    lose_everything(&world.redis).await;
    world.bearer(&ada).await.unwrap_err();
    let third = connect(&world.redis, MASTER).await.unwrap();
    let bob = third.add(NewTenant::new("bob", Class::Agent), Mode::Live, None).await.unwrap();
    assert!(other.find_by_key(bob.api_key.expose_secret()).await.unwrap().verify_bearer().is_ok());
    world.signed(&bob).await.unwrap();

    lose_everything(&world.redis).await;
    connect(&world.redis, NEXT).await.unwrap();
    let refused = world.registry.find_by_key(bob.api_key.expose_secret()).await;
    assert!(matches!(refused, Err(Error::OtherMasterKey)));
}

/// Before root keys existed, the master key itself was used, and only its fingerprint was stored.
#[tokio::test]
async fn an_older_registry_opens_and_can_be_resealed() {
    let redis = RedisServer::start();
    let _: () = connection(&redis).await.set("test:{access}:master", "d10ac344f76afed1").await.unwrap();
    assert!(matches!(connect(&redis, NEXT).await, Err(Error::OtherMasterKey)));
    let world = World::on(redis).await;
    let ada = world.agent("ada").await;
    let both = connect(&world.redis, BOTH).await.unwrap();
    assert_eq!(both.reseal().await.unwrap(), Resealed::OldKeyStillOpens);
    assert!(matches!(connect(&world.redis, MASTER).await, Err(Error::OtherMasterKey)));
    let next = connect(&world.redis, NEXT).await.unwrap();
    assert!(next.find_by_key(ada.api_key.expose_secret()).await.unwrap().verify_bearer().is_ok());
    world.signed(&ada).await.unwrap();
}

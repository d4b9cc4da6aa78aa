//! Tampered records, and a Redis that refuses access.

use crate::world::{MASTER, World, command, connect};
use access::{Defaults, Error, MasterKey, Reason, Registry};
use secrecy::ExposeSecret;
use test_support::RedisServer;

#[tokio::test]
async fn an_exchanged_signing_secret_is_refused() {
    let world = World::new().await;
    let (ada, eve) = (world.agent("ada").await, world.agent("eve").await);
    let client = redis::Client::open(world.redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let place = |id: &str| format!("test:{{access}}:key:{id}");
    let eves: Vec<u8> =
        redis::cmd("HGET").arg(place(eve.key_id.as_str())).arg("sealed").query_async(&mut connection).await.unwrap();
    assert!(!eves.is_empty());
    // Another tenant's secret, sealed for another place; a damaged one; a truncated one.
    let damaged = eves.iter().map(|byte| byte ^ 1).collect::<Vec<_>>();
    for sealed in [eves.as_slice(), &damaged, &eves[..eves.len() / 2], b"x"] {
        let mut set = redis::cmd("HSET");
        set.arg(place(ada.key_id.as_str())).arg("sealed").arg(sealed);
        let () = set.query_async(&mut connection).await.unwrap();
        let ours = ada.signing_secret.as_ref().unwrap().expose_secret().as_bytes();
        let theirs = eve.signing_secret.as_ref().unwrap().expose_secret().as_bytes();
        let mut seen = Vec::new();
        let denied = world.registry.find_by_key_id(ada.key_id.as_str()).await.unwrap().verify_signed(|secret| {
            seen = secret.to_vec();
            secret == theirs
        });
        assert_eq!(denied.unwrap_err().reason, Reason::WrongSignature);
        assert!(seen.len() == ours.len() && seen != ours, "never an empty secret, with which any client could sign");
        world.bearer(&ada).await.unwrap();
    }
    world.signed(&eve).await.unwrap();
}

#[tokio::test]
async fn an_invalid_record_is_an_error() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let place = format!("test:{{access}}:tenant:{}", ada.tenant.id);
    for record in ["", "{}", "null", "{\"v\": 1}"] {
        let () = command(&world.redis, &["SET", &place, record]).await;
        let error = world.registry.find_by_key(ada.api_key.expose_secret()).await.unwrap_err();
        assert!(matches!(error, Error::Corrupt(_)) && !error.is_retryable(), "{record}: {error:?}");
    }
}

#[tokio::test]
async fn refused_access_is_distinguished_from_an_outage() {
    let redis = RedisServer::start();
    connect(&redis, MASTER).await.unwrap();
    let () = command(&redis, &["CONFIG", "SET", "requirepass", "hunter2"]).await;
    let master = MasterKey::from_hex(MASTER).unwrap();
    for (url, fits) in [
        (redis.url(), false),
        (redis.url().replace("redis://", "redis://:wrong@"), false),
        (redis.url().replace("redis://", "redis://:hunter2@"), true),
    ] {
        match Registry::connect(&url, "test", &master, Defaults::default()).await {
            Ok(_) => assert!(fits, "{url}"),
            Err(error) => {
                assert!(!fits && matches!(error, Error::Redis(_)) && !error.is_retryable(), "{url}: {error:?}");
                assert!(!format!("{error} {error:?}").contains("wrong"), "{error:?}");
            }
        }
    }
    let nowhere = Registry::connect("http://127.0.0.1", "test", &master, Defaults::default()).await;
    assert!(matches!(nowhere, Err(Error::Redis(_))));
}

#[tokio::test]
async fn logs_contain_no_secret() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let (key, secret) = (ada.api_key.expose_secret(), ada.signing_secret.as_ref().unwrap().expose_secret());
    let master = MasterKey::from_hex(MASTER).unwrap();
    let candidate = world.registry.find_by_key(key).await.unwrap();
    let mut shown =
        format!("{ada:?} {:?} {candidate:?} {master:?} {:?}", world.registry, world.registry.sealer("webhooks"));
    shown += &format!("{:?}", candidate.verify_bearer().unwrap());
    assert!(shown.contains(ada.key_id.as_str()), "what may be known is there: {shown}");
    for secret in [key, secret, MASTER] {
        let middle = &secret[secret.len() / 2 - 6..secret.len() / 2 + 6];
        assert!(!shown.contains(middle), "{shown}");
    }
}

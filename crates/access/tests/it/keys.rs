//! The life cycle of keys: creation, use, rotation, expiry, revocation.

use crate::world::{MASTER, World, connect};
use access::{Error, KeyId, Mode, NewTenant, Reason, Retire};
use domain::Class;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_key_authenticates_as_bearer_and_by_signature() {
    let world = World::new().await;
    let (ada, bob) = (world.agent("ada").await, world.agent("bob").await);
    for caller in [world.bearer(&ada).await.unwrap(), world.signed(&ada).await.unwrap()] {
        assert_eq!((&caller.tenant.id, &caller.key_id, caller.mode), (&ada.tenant.id, &ada.key_id, Mode::Live));
        assert_eq!(caller.tenant, ada.tenant);
        assert_eq!(caller.job_class(), Class::Agent);
    }
    // Another tenant's secret, and a key id in place of the key.
    let candidate = world.registry.find_by_key_id(ada.key_id.as_str()).await.unwrap();
    let secret = bob.signing_secret.as_ref().unwrap().expose_secret();
    let denied = candidate.verify_signed(|known| known == secret.as_bytes()).unwrap_err();
    assert_eq!((denied.reason, denied.tenant), (Reason::WrongSignature, Some(ada.tenant.id.clone())));
    assert!(world.registry.find_by_key_id(ada.key_id.as_str()).await.unwrap().verify_bearer().is_err());
    let test = world.registry.issue(&ada.tenant.id, Mode::Test, Retire::None, None).await.unwrap();
    assert!(test.api_key.expose_secret().starts_with("orf_test_"));
    assert_eq!(world.bearer(&test).await.unwrap().job_class(), Class::Test);
}

#[tokio::test]
async fn unknown_keys_yield_decoys() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let id = ada.key_id.as_str();
    for unknown in ["", "orf_live_x", id, "key_00000000000000000000", "*", "\u{0}\r\n"] {
        let denied = world.registry.find_by_key(unknown).await.unwrap().verify_bearer().unwrap_err();
        assert_eq!((denied.reason, denied.tenant, denied.key_id), (Reason::UnknownKey, None, None));
    }
    let mut secrets = Vec::new();
    for unknown in ["", "no id", "key_00000000000000000000", ada.api_key.expose_secret()] {
        let candidate = world.registry.find_by_key_id(unknown).await.unwrap();
        // Refused even with the decoy's own secret.
        let denied = candidate.verify_signed(|secret| {
            secrets.push(secret.to_vec());
            true
        });
        assert_eq!(denied.unwrap_err().reason, Reason::UnknownKey);
    }
    let ours = ada.signing_secret.as_ref().unwrap().expose_secret().as_bytes();
    assert!(secrets.iter().all(|secret| secret.len() == ours.len() && secret != ours), "as long as a real one");
}

#[tokio::test]
async fn a_users_key_has_no_signing_secret() {
    let world = World::new().await;
    let user = world.registry.add(NewTenant::new("eve", Class::User), Mode::Live, None).await.unwrap();
    assert!(user.signing_secret.is_none() && user.tenant.id.as_str().starts_with("usr_"));
    assert_eq!(world.bearer(&user).await.unwrap().job_class(), Class::User);
    let candidate = world.registry.find_by_key_id(user.key_id.as_str()).await.unwrap();
    assert_eq!(candidate.verify_signed(|_| true).unwrap_err().reason, Reason::NoSecret);
    let candidate = world.registry.find_by_key(user.api_key.expose_secret()).await.unwrap();
    let mut seen = Vec::new();
    let denied = candidate.verify_signed(|secret| {
        seen = secret.to_vec();
        false
    });
    assert_eq!(denied.unwrap_err().reason, Reason::WrongSignature);
    assert!(!seen.is_empty(), "never an empty secret, with which any client could sign");
}

#[tokio::test]
async fn keys_expire_and_are_revoked_at_once_everywhere() {
    let world = World::new().await;
    let new = |name| NewTenant::new(name, Class::Agent);
    let brief = world.registry.add(new("brief"), Mode::Live, Some(Duration::from_millis(20))).await.unwrap();
    let long = world.registry.add(new("long"), Mode::Live, Some(HOUR)).await.unwrap();
    assert!(brief.expires_ms < long.expires_ms && brief.expires_ms.is_some());
    tokio::time::sleep(Duration::from_millis(30)).await;
    world.bearer(&long).await.unwrap();
    assert_eq!(world.bearer(&brief).await.unwrap_err().reason, Reason::Expired);
    assert_eq!(world.signed(&brief).await.unwrap_err().reason, Reason::Expired);

    let ada = world.agent("ada").await;
    let second = world.registry.issue(&ada.tenant.id, Mode::Live, Retire::None, None).await.unwrap();
    // Another process revokes.
    let elsewhere = connect(&world.redis, MASTER).await.unwrap();
    elsewhere.revoke_key(&ada.tenant.id, &ada.key_id).await.unwrap();
    elsewhere.revoke_key(&ada.tenant.id, &ada.key_id).await.unwrap();
    assert_eq!(world.bearer(&ada).await.unwrap_err().reason, Reason::Revoked);
    assert_eq!(world.signed(&ada).await.unwrap_err().reason, Reason::Revoked);
    world.signed(&second).await.unwrap();
    elsewhere.revoke(&ada.tenant.id).await.unwrap();
    assert_eq!(world.bearer(&second).await.unwrap_err().reason, Reason::Disabled);
    assert_eq!(world.signed(&second).await.unwrap_err().reason, Reason::Disabled);
    let refused = elsewhere.issue(&ada.tenant.id, Mode::Live, Retire::None, None).await;
    assert!(matches!(refused, Err(Error::Disabled(_))));
    // A key can only be revoked under its own tenant.
    let bob = world.agent("bob").await;
    let refused = elsewhere.revoke_key(&ada.tenant.id, &bob.key_id).await;
    assert!(matches!(refused, Err(Error::UnknownKey(_))));
    world.bearer(&bob).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_under_load_has_no_downtime() {
    let world = Arc::new(World::new().await);
    let ada = world.agent("ada").await;
    let current = Arc::new(tokio::sync::RwLock::new(Arc::new(ada)));
    let (done, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (world, current) = (Arc::clone(&world), Arc::clone(&current));
            let (done, asked) = (Arc::clone(&done), Arc::clone(&asked));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    // A client that works on with the key it has while another is made.
                    let key = Arc::clone(&*current.read().await);
                    world.bearer(&key).await.unwrap();
                    world.signed(&key).await.unwrap();
                    asked.fetch_add(2, Ordering::Relaxed);
                }
            })
        })
        .collect();
    // One fewer than the working keys that a tenant may have.
    for _ in 0..15 {
        let seen = asked.load(Ordering::Relaxed);
        test_support::wait_until("some questions", HOUR, async || asked.load(Ordering::Relaxed) > seen + 100).await;
        let tenant = current.read().await.tenant.id.clone();
        let next = world.registry.issue(&tenant, Mode::Live, Retire::All(HOUR), None).await.unwrap();
        *current.write().await = Arc::new(next);
    }
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn rotation_replaces_the_selected_keys() {
    let world = World::new().await;
    let first = world.agent("ada").await;
    let tenant = first.tenant.id.clone();
    let test = world.registry.issue(&tenant, Mode::Test, Retire::All(HOUR), None).await.unwrap();
    assert_eq!(test.replaces, [], "a test key does not replace a live one");
    let second = world.registry.issue(&tenant, Mode::Live, Retire::All(HOUR), Some(24 * HOUR)).await.unwrap();
    assert_eq!(second.replaces, std::slice::from_ref(&first.key_id));
    let shown = world.registry.show("ada").await.unwrap();
    let key = |id: &KeyId| shown.keys.iter().find(|key| key.id == *id).unwrap();
    assert!(shown.keys.iter().all(|key| key.works) && key(&test.key_id).expires_ms.is_none());
    let (end, made) = (key(&first.key_id).expires_ms.unwrap(), key(&second.key_id).created_ms);
    assert_eq!(end, made + 3_600_000);
    assert_eq!(second.expires_ms, Some(made + 24 * 3_600_000));
    // A second rotation does not prolong the first key's grace; one without grace ends all others at once.
    let third = world.registry.issue(&tenant, Mode::Live, Retire::One(second.key_id.clone(), 2 * HOUR), None).await;
    assert_eq!(third.unwrap().replaces, std::slice::from_ref(&second.key_id));
    world.bearer(&first).await.unwrap();
    let fourth = world.registry.issue(&tenant, Mode::Live, Retire::All(Duration::ZERO), None).await.unwrap();
    assert_eq!(fourth.replaces.len(), 3);
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(world.bearer(&first).await.unwrap_err().reason, Reason::Expired);
    world.bearer(&fourth).await.unwrap();
    let gone = Retire::One(first.key_id, HOUR);
    let refused = world.registry.issue(&tenant, Mode::Live, gone, None).await;
    assert!(matches!(refused, Err(Error::UnknownKey(_))), "what has ended cannot make way");
}

#[tokio::test]
async fn keys_of_a_tenant_are_bounded() {
    let world = World::new().await;
    let tenant = world.agent("ada").await.tenant.id;
    let mut last = None;
    for _ in 1..16 {
        last = Some(world.registry.issue(&tenant, Mode::Live, Retire::None, None).await.unwrap());
    }
    let refused = world.registry.issue(&tenant, Mode::Live, Retire::None, None).await;
    assert!(matches!(refused, Err(Error::TooManyKeys { max: 16 })));
    world.registry.revoke_key(&tenant, &last.unwrap().key_id).await.unwrap();
    world.registry.issue(&tenant, Mode::Live, Retire::None, None).await.unwrap();
}

#[tokio::test]
async fn the_last_use_is_recorded_once_a_minute() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let candidate = world.registry.find_by_key(ada.api_key.expose_secret()).await.unwrap();
    assert!(candidate.is_stale());
    assert_eq!(world.registry.show("ada").await.unwrap().keys[0].used_ms, None);
    world.registry.note_use(&ada.key_id).await.unwrap();
    assert!(!world.registry.find_by_key(ada.api_key.expose_secret()).await.unwrap().is_stale());
    let key = &world.registry.show("ada").await.unwrap().keys[0];
    assert!(key.used_ms.unwrap() >= key.created_ms);
}

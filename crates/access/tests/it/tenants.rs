//! Tenants: creation, listing, changes, and a full Redis.

use crate::world::World;
use access::{Error, Mode, NewTenant, Overrides, Permission, Permissions, Retire, Tier};
use domain::Class;
use secrecy::ExposeSecret;
use test_support::RedisServer;

#[tokio::test]
async fn a_tenant_is_found_by_id_and_by_name() {
    let world = World::new().await;
    let new = NewTenant {
        tier: Tier::Pro,
        permissions: Permissions::from_iter([Permission::QueryStatus, Permission::Admin]),
        overrides: Overrides { jobs_per_day: Some(7), ..Overrides::default() },
        allow: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
        ..NewTenant::new(" Render farm ", Class::Agent)
    };
    let added = world.registry.add(new, Mode::Live, None).await.unwrap().tenant;
    assert_eq!((added.name.as_str(), added.limits.jobs_per_day), ("Render farm", 7));
    assert_eq!(world.registry.show("Render farm").await.unwrap().tenant, added);
    assert_eq!(world.registry.show(added.id.as_str()).await.unwrap().tenant, added);
    assert!(matches!(world.registry.show("render farm").await, Err(Error::UnknownTenant(_))));
    assert!(added.may_ask_from("::ffff:10.1.2.3".parse().unwrap()));

    let again = world.registry.add(NewTenant::new("Render farm", Class::User), Mode::Live, None).await;
    assert!(matches!(again, Err(Error::NameTaken(name)) if name == "Render farm"));
    for wrong in ["", "  ", "a\nb", added.id.as_str(), &"x".repeat(65)] {
        let refused = world.registry.add(NewTenant::new(wrong, Class::User), Mode::Live, None).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{wrong}");
    }
    let refused = world.registry.add(NewTenant::new("test", Class::Test), Mode::Live, None).await;
    assert!(matches!(refused, Err(Error::Invalid(_))));
    let weightless = Overrides { weight: Some(0.0), ..Overrides::default() };
    let refused = NewTenant { overrides: weightless, ..NewTenant::new("w", Class::User) };
    assert!(matches!(world.registry.add(refused, Mode::Live, None).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn tenants_are_listed_in_pages_oldest_first() {
    let world = World::new().await;
    for n in 0..7 {
        world.agent(&format!("agent {n}")).await;
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let (mut names, mut after) = (Vec::new(), None);
    loop {
        let page = world.registry.list(after.as_ref(), 3).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        after = Some(last.id.clone());
        names.extend(page.into_iter().map(|tenant| tenant.name));
    }
    assert_eq!(names, (0..7).map(|n| format!("agent {n}")).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_are_all_applied() {
    let world = World::new().await;
    let tenant = world.agent("ada").await.tenant;
    let others = (0..4_u64).map(|_| {
        let (registry, id) = (world.registry.clone(), tenant.id.clone());
        tokio::spawn(async move {
            let mut made = 0;
            while made < 5 {
                let add = |overrides: Overrides| Overrides {
                    jobs_per_day: Some(overrides.jobs_per_day.unwrap_or(0) + 1),
                    ..overrides
                };
                let change = |tenant: &mut access::Tenant| {
                    tenant.overrides = add(tenant.overrides);
                    Ok(())
                };
                match registry.change(&id, change).await {
                    Ok(_) => made += 1,
                    Err(error) => assert!(matches!(error, Error::Contended(_)), "{error}"),
                }
            }
        })
    });
    for other in others.collect::<Vec<_>>() {
        other.await.unwrap();
    }
    let changed = world.registry.show("ada").await.unwrap().tenant;
    assert_eq!(changed.limits.jobs_per_day, 20);
    let unknown = access::TenantId::try_from("agt_00000000000000000000".to_owned()).unwrap();
    assert!(matches!(world.registry.revoke(&unknown).await, Err(Error::UnknownTenant(_))));
    let refused = world.registry.issue(&unknown, Mode::Live, Retire::None, None).await;
    assert!(matches!(refused, Err(Error::UnknownTenant(_))));
}

#[tokio::test]
async fn renaming_frees_the_old_name() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    world.agent("bob").await;
    let rename = async |to: &str| {
        let name = |tenant: &mut access::Tenant| {
            tenant.name = to.to_owned();
            Ok(())
        };
        world.registry.change(&ada.tenant.id, name).await
    };
    assert!(matches!(rename("bob").await, Err(Error::NameTaken(name)) if name == "bob"));
    assert!(matches!(rename("").await, Err(Error::Invalid(_))));
    for _ in 0..2 {
        assert_eq!(rename(" eve ").await.unwrap().name, "eve");
    }
    assert_eq!(world.registry.show("eve").await.unwrap().tenant.id, ada.tenant.id);
    assert!(matches!(world.registry.show("ada").await, Err(Error::UnknownTenant(_))));
    assert_eq!(world.bearer(&ada).await.unwrap().tenant.name, "eve", "its keys work on");
    assert_ne!(world.agent("ada").await.tenant.id, ada.tenant.id);
}

#[tokio::test]
async fn the_registry_survives_a_restart_of_redis() {
    let world = World::on(RedisServer::start_durable()).await;
    let ada = world.agent("ada").await;
    world.redis.stop();
    let error = world.registry.find_by_key(ada.api_key.expose_secret()).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(!format!("{error:?} {error}").contains(ada.api_key.expose_secret()));
    world.redis.restart();
    world.bearer(&ada).await.unwrap();
    world.signed(&ada).await.unwrap();
}

#[tokio::test]
async fn a_full_redis_finds_and_revokes_but_adds_no_tenants() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let client = redis::Client::open(world.redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let _: () = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("1mb").query_async(&mut connection).await.unwrap();
    world.bearer(&ada).await.unwrap();
    let refused = world.registry.add(NewTenant::new("bob", Class::Agent), Mode::Live, None).await.unwrap_err();
    assert!(matches!(refused, Error::ReadOnly(_)), "{refused:?}");
    world.registry.revoke_key(&ada.tenant.id, &ada.key_id).await.unwrap();
    world.registry.revoke(&ada.tenant.id).await.unwrap();
    world.bearer(&ada).await.unwrap_err();
    let _: () = redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg("0").query_async(&mut connection).await.unwrap();
    assert!(matches!(world.registry.show("bob").await, Err(Error::UnknownTenant(_))), "nothing half-written");
}

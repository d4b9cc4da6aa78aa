//! Tenants and keys, managed over HTTP.

use crate::world::{World, command_line, problem};
use access::{Defaults, MasterKey, Mode, NewTenant, Permission, Permissions, Registry, Tier};
use clap::Parser;
use domain::Class;
use gateway::Options;
use reqwest::{Method, Response};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// A gateway, and the key of a user who may manage tenants.
pub(crate) async fn with_admin() -> (World, String) {
    let world = World::new().await;
    let master = MasterKey::read(&world.directory.path().join("master-key")).unwrap();
    let registry = Registry::connect(&world.redis.url(), "orfeas", &master, Defaults::default()).await.unwrap();
    let admin = NewTenant {
        tier: Tier::Unlimited,
        permissions: Permissions::from_iter(Permission::ALL),
        ..NewTenant::new("admin", Class::User)
    };
    let key = registry.add(admin, Mode::Live, None).await.unwrap().api_key.expose_secret().to_owned();
    (world, key)
}

pub(crate) async fn ask(world: &World, key: &str, method: Method, path: &str, body: Option<Value>) -> Response {
    let request = world.client.request(method, world.url(&format!("/api/admin{path}"))).bearer_auth(key);
    let request = if let Some(body) = body { request.json(&body) } else { request };
    request.send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_added_rotated_and_revoked() {
    let (world, admin) = with_admin().await;
    let new = json!({
        "name": "render farm", "class": "user", "tier": "pro", "permissions": ["query_status", "generate_3d"],
        "limits": {"jobs_per_day": 7, "weight": 0.5}, "allow": ["127.0.0.0/8", "::1/128"], "expires_seconds": 3600
    });
    let answer = ask(&world, &admin, Method::POST, "/agents", Some(new)).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["cache-control"]), (201, &"no-store".parse().unwrap()));
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let added: Value = answer.json().await.unwrap();
    let (id, key) = (added["tenant"]["id"].as_str().unwrap(), added["api_key"].as_str().unwrap());
    assert_eq!(location, format!("/api/admin/agents/{id}"));
    assert_eq!((&added["tenant"]["limits"]["jobs_per_day"], &added["signing_secret"]), (&7.into(), &Value::Null));
    let limits = || world.client.get(world.url("/api/v1/limits"));
    let status = async |key: &str| limits().bearer_auth(key).send().await.unwrap().status().as_u16();
    assert_eq!(status(key).await, 200, "the key works at once");

    let rotated =
        ask(&world, &admin, Method::POST, "/agents/render%20farm/keys", Some(json!({"grace_seconds": 60}))).await;
    assert_eq!(rotated.status(), 201);
    let rotated: Value = rotated.json().await.unwrap();
    assert_eq!(rotated["replaces"], json!([added["key_id"]]));
    let next = rotated["api_key"].as_str().unwrap();
    assert_eq!((status(key).await, status(next).await), (200, 200), "both work during the grace");

    let shown = ask(&world, &admin, Method::GET, &format!("/agents/{id}"), None).await;
    let text = shown.text().await.unwrap();
    assert!(!text.contains(key) && !text.contains("orf_"), "{text}");
    let shown: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&shown["tenant"]["name"], shown["keys"].as_array().unwrap().len()), (&"render farm".into(), 2));

    let old = added["key_id"].as_str().unwrap();
    let revoked = ask(&world, &admin, Method::DELETE, &format!("/agents/{id}/keys/{old}"), None).await;
    assert_eq!(revoked.status(), 204);
    assert_eq!((status(key).await, status(next).await), (401, 200));
    let revoked = ask(&world, &admin, Method::DELETE, &format!("/agents/{id}"), None).await;
    assert_eq!(revoked.json::<Value>().await.unwrap()["revoked"], true);
    assert_eq!(status(next).await, 401);
}

/// A change holds from the next request on, at every gateway.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_given_fields_of_a_tenant_are_changed() {
    let (world, admin) = with_admin().await;
    let line = command_line(world.directory.path(), &world.redis.url());
    let other = gateway::start(&Options::parse_from(line), CancellationToken::new()).await.unwrap();
    let new = json!({
        "name": "ci", "class": "user", "permissions": ["query_status"], "allow": ["127.0.0.0/8", "::1/128"],
        "limits": {"jobs_per_day": 7, "queries_per_minute": 0}
    });
    let added: Value = ask(&world, &admin, Method::POST, "/agents", Some(new)).await.json().await.unwrap();
    let (id, key) = (added["tenant"]["id"].as_str().unwrap(), added["api_key"].as_str().unwrap());
    let there = async || {
        let url = format!("http://{}/api/v1/limits", other.address());
        world.client.get(url).bearer_auth(key).send().await.unwrap().status().as_u16()
    };
    let changed = async |change: Value| {
        let answer = ask(&world, &admin, Method::PATCH, &format!("/agents/{id}"), Some(change)).await;
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status == 200 && !text.contains("orf_"), "{status}: {text}");
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert_eq!(changed(json!({})).await, added["tenant"], "nothing was given");
    assert_eq!(there().await, 200);
    let moved = changed(json!({"allow": ["192.0.2.0/24"]})).await;
    assert_eq!((&moved["name"], &moved["limits"]), (&added["tenant"]["name"], &added["tenant"]["limits"]));
    assert_eq!(there().await, 403, "not from here any more");
    assert_eq!(changed(json!({"allow": null})).await["allow"], json!([]));
    assert_eq!(there().await, 200);
    changed(json!({"permissions": []})).await;
    assert_eq!(there().await, 403);
    assert_eq!(
        changed(json!({"permissions": null})).await["permissions"],
        json!(["generate_3d", "batch_generate", "query_status", "cancel"])
    );

    let pro = changed(json!({"name": "farm", "tier": "pro", "limits": {"queries_per_minute": null}})).await;
    let limits = &pro["limits"];
    assert_eq!((&pro["name"], &pro["tier"]), (&"farm".into(), &"pro".into()));
    assert_eq!((&limits["jobs_per_day"], &limits["queries_per_minute"]), (&7.into(), &300.into()));
    let back = changed(json!({"tier": null, "limits": null})).await;
    assert_eq!((&back["tier"], &back["limits"]["jobs_per_day"]), (&"standard".into(), &10_000.into()));
    assert_eq!(ask(&world, &admin, Method::GET, "/agents/farm", None).await.status(), 200);
    assert_eq!(ask(&world, &admin, Method::GET, "/agents/ci", None).await.status(), 404);

    for (change, status, code) in [
        (json!({"name": "ada"}), 409, "name_taken"),
        (json!({"name": ""}), 422, "invalid_parameter"),
        (json!({"name": null}), 422, "invalid_parameter"),
        (json!({"class": "agent"}), 422, "invalid_parameter"),
        (json!({"revoked": false}), 422, "invalid_parameter"),
        (json!({"tier": "gold"}), 422, "invalid_parameter"),
        (json!({"permissions": ["fly"]}), 422, "invalid_parameter"),
        (json!({"allow": ["10.0.0.0/33"]}), 422, "invalid_parameter"),
        (json!({"limits": {"weight": 0}}), 422, "invalid_parameter"),
        (json!({"limits": {"jobs_per_dya": null}}), 422, "invalid_parameter"),
    ] {
        let body = json!({"tier": "free"}).as_object().unwrap().clone();
        let body: Value = body.into_iter().chain(change.as_object().unwrap().clone()).collect();
        let answer = ask(&world, &admin, Method::PATCH, "/agents/farm", Some(body)).await;
        let answer = problem(answer).await;
        assert_eq!((&answer["status"], &answer["code"]), (&status.into(), &code.into()), "{change}: {answer}");
    }
    assert_eq!(changed(json!({})).await["tier"], "standard", "what is refused has changed nothing");
    let unknown = ask(&world, &admin, Method::PATCH, "/agents/no-such-agent", Some(json!({}))).await;
    assert_eq!(problem(unknown).await["code"], "tenant_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_listed_in_pages() {
    let (world, admin) = with_admin().await;
    let first: Value = ask(&world, &admin, Method::GET, "/agents?limit=2", None).await.json().await.unwrap();
    let next = first["next"].as_str().unwrap();
    let rest = ask(&world, &admin, Method::GET, &format!("/agents?limit=2&after={next}"), None).await;
    let rest: Value = rest.json().await.unwrap();
    let names = |page: &Value| {
        let agents = page["agents"].as_array().unwrap();
        agents.iter().map(|agent| agent["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((names(&first).len(), &rest["next"]), (2, &Value::Null));
    // Two of them may have come in the same millisecond.
    let mut all = [names(&first), names(&rest)].concat();
    all.sort();
    assert_eq!(all, ["ada", "admin", "bob"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_cannot_be_carried_out_are_refused_with_their_code() {
    let (world, admin) = with_admin().await;
    let post = |body: Value| ask(&world, &admin, Method::POST, "/agents", Some(body));
    for (body, status, code) in [
        (json!({"name": "ada"}), 409, "name_taken"),
        (json!({"name": ""}), 422, "invalid_parameter"),
        (json!({"name": "x", "tier": "gold"}), 422, "invalid_parameter"),
        (json!({"name": "x", "class": "test"}), 422, "invalid_parameter"),
        (json!({"name": "x", "permissions": ["fly"]}), 422, "invalid_parameter"),
        (json!({"name": "x", "allow": ["10.0.0.0/33"]}), 422, "invalid_parameter"),
        (json!({"name": "x", "limits": {"weight": 0}}), 422, "invalid_parameter"),
        (json!({"name": "x", "limit": {}}), 422, "invalid_parameter"),
        (json!({"name": "x", "expires_seconds": 1e30}), 422, "invalid_parameter"),
    ] {
        let answer = problem(post(body.clone()).await).await;
        assert_eq!((&answer["status"], &answer["code"]), (&status.into(), &code.into()), "{body}: {answer}");
    }
    let unknown_key = format!("/agents/ada/keys/key_{}", "0".repeat(20));
    for (method, path, body, status, code) in [
        (Method::GET, "/agents/no-such-agent", None, 404, "tenant_not_found"),
        (Method::DELETE, "/agents/no-such-agent", None, 404, "tenant_not_found"),
        (Method::DELETE, &unknown_key, None, 404, "key_not_found"),
        (Method::DELETE, "/agents/ada/keys/x", None, 404, "key_not_found"),
        (Method::POST, "/agents/ada/keys", Some(json!({"replace": "some"})), 422, "invalid_parameter"),
        (Method::GET, "/agents?limit=0", None, 422, "invalid_parameter"),
        (Method::GET, "/agents?after=x", None, 422, "invalid_parameter"),
        (Method::GET, "/agents?offset=1", None, 422, "invalid_parameter"),
    ] {
        let answer = problem(ask(&world, &admin, method.clone(), path, body).await).await;
        assert_eq!((&answer["status"], &answer["code"]), (&status.into(), &code.into()), "{method} {path}: {answer}");
    }
    let raw = |kind: &str, body: &'static str| {
        let request = world.client.post(world.url("/api/admin/agents")).bearer_auth(&admin);
        request.header("content-type", kind).body(body).send()
    };
    for twice in [r#"{"name": "x", "name": "x"}"#, r#"{"name": "x", "limits": {"weight": 1, "weight": 2}}"#] {
        assert_eq!(
            problem(raw("application/json", twice).await.unwrap()).await["code"],
            "invalid_parameter",
            "{twice}"
        );
    }
    assert_eq!(problem(raw("application/json", "{").await.unwrap()).await["code"], "invalid_json");
    assert_eq!(problem(raw("text/plain", "{}").await.unwrap()).await["code"], "unsupported_content_type");

    for _ in 1..16 {
        let made = ask(&world, &admin, Method::POST, "/agents/ada/keys", Some(json!({"replace": "none"}))).await;
        assert_eq!(made.status(), 201);
    }
    let answer = ask(&world, &admin, Method::POST, "/agents/ada/keys", Some(json!({"replace": "none"}))).await;
    assert_eq!(problem(answer).await["code"], "too_many_keys");
    ask(&world, &admin, Method::DELETE, "/agents/bob", None).await;
    let answer = ask(&world, &admin, Method::POST, "/agents/bob/keys", Some(json!({}))).await;
    assert_eq!(problem(answer).await["code"], "tenant_revoked");
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_are_managed_with_the_permission_only() {
    let (world, _) = with_admin().await;
    let id = &world.owners[1];
    for (method, path) in [
        (Method::GET, "/agents".to_owned()),
        (Method::GET, format!("/agents/{id}")),
        (Method::POST, "/agents".to_owned()),
        (Method::PATCH, format!("/agents/{id}")),
        (Method::POST, format!("/agents/{id}/keys")),
        (Method::DELETE, format!("/agents/{id}")),
        (Method::DELETE, format!("/agents/{id}/keys/key_00000000000000000000")),
    ] {
        let body = (method == Method::POST || method == Method::PATCH).then(|| json!({"name": "mine"}));
        let answer = problem(ask(&world, &world.keys[0], method.clone(), &path, body).await).await;
        assert_eq!(answer["code"], "permission_denied", "{method} {path}");
    }
}

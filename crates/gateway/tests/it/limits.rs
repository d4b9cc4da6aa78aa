//! Limits: `GET limits`, rate limit headers, and refusals.

use crate::agents::{Agent, add};
use crate::pictures::png;
use crate::world::{GENERATE, World, problem};
use access::{Defaults, MasterKey, Mode, NewTenant, Overrides, Registry};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Class;
use reqwest::RequestBuilder;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_readable_before_they_are_reached() {
    test_support::away_from_midnight().await;
    let world = World::new().await;
    let overrides =
        Overrides { jobs_per_day: Some(5), max_active_jobs: Some(2), max_batch_size: Some(4), ..Overrides::default() };
    let (_, key, _) = add(&world, "cyd", Class::User, Mode::Live, overrides).await;
    let post = || {
        let request = world.client.post(world.url(GENERATE)).bearer_auth(&key);
        request.json(&json!({ "image": STANDARD.encode(png()) })).send()
    };
    let limits = async || -> Value {
        let answer = world.client.get(world.url("/api/v1/limits")).bearer_auth(&key).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json().await.unwrap()
    };
    let before = limits().await;
    assert_eq!(before["jobs_per_day"]["remaining"], 5);
    assert_eq!((&before["active_jobs"]["limit"], &before["active_jobs"]["used"]), (&2.into(), &0.into()));
    assert_eq!(before["max_batch_size"], 4);
    assert_eq!(before["request"]["max_picture_pixels"], 40_000_000);
    let steps = json!({ "name": "steps", "description": "Denoising steps.", "min": 1.0, "max": 200.0 });
    assert_eq!(before["parameters"][0], steps);

    assert_eq!(post().await.unwrap().status(), 202);
    assert_eq!(post().await.unwrap().status(), 202);
    // Two different refusals: too many active jobs, which is not charged to the day ...
    let refused = post().await.unwrap();
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    assert_eq!(problem(refused).await["code"], "too_many_jobs");
    let after = limits().await;
    assert_eq!((&after["jobs_per_day"]["used"], &after["active_jobs"]["used"]), (&2.into(), &2.into()));
    // ... and too many jobs in a day.
    let overrides = Overrides { jobs_per_day: Some(1), ..Overrides::default() };
    let (_, key, _) = add(&world, "dan", Class::User, Mode::Live, overrides).await;
    let post = || {
        let request = world.client.post(world.url(GENERATE)).bearer_auth(&key);
        request.json(&json!({ "image": STANDARD.encode(png()) })).header("idempotency-key", "one").send()
    };
    assert_eq!(post().await.unwrap().status(), 202);
    assert_eq!(post().await.unwrap().status(), 202, "the same request once more costs nothing");
    let other = world.client.post(world.url(GENERATE)).bearer_auth(&key);
    let refused = other.json(&json!({ "image": STANDARD.encode(png()) })).send().await.unwrap();
    assert_eq!(problem(refused).await["code"], "daily_quota");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_has_the_state_of_the_window() {
    let world = World::new().await;
    let overrides = Overrides { requests_per_minute: Some(3), ..Overrides::default() };
    let (_, key, _) = add(&world, "cyd", Class::User, Mode::Live, overrides).await;
    let image = json!({ "image": STANDARD.encode(png()) });
    for (body, status) in [(&image, 202), (&json!({}), 400), (&image, 202), (&image, 429)] {
        let answer = world.client.post(world.url(GENERATE)).bearer_auth(&key).json(body).send().await.unwrap();
        assert_eq!(answer.status(), status);
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert!(header("ratelimit").contains("generate"), "{}", header("ratelimit"));
        assert!(header("ratelimit-policy").contains("q=3"), "{}", header("ratelimit-policy"));
        if status == 429 {
            let wait: u64 = header("retry-after").parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            assert_eq!(problem(answer).await["code"], "too_fast");
        }
    }
}

/// Queries are counted apart from other requests, and the operator sets the limit of each.
#[tokio::test(flavor = "multi_thread")]
async fn users_may_query_more_often_than_they_submit() {
    for (options, [work, look]) in [
        (&[][..], ["10", "60"]),
        (&["--user-max-requests-per-minute=2", "--user-max-queries-per-minute=7"], ["2", "7"]),
    ] {
        let world = World::with(options).await;
        let master = MasterKey::read(&world.directory.path().join("master-key")).unwrap();
        let registry = Registry::connect(&world.redis.url(), "orfeas", &master, Defaults::default()).await.unwrap();
        let issued = registry.add(NewTenant::new("cyd", Class::User), Mode::Live, None).await.unwrap();
        let policy = async |request: RequestBuilder| {
            let answer = request.bearer_auth(issued.api_key.expose_secret()).send().await.unwrap();
            answer.headers()["ratelimit-policy"].to_str().unwrap().to_owned()
        };
        let asked = policy(world.client.post(world.url(GENERATE)).json(&json!({}))).await;
        assert!(asked.contains(&format!("\"generate\";q={work};w=60")), "{asked}");
        let looked = policy(world.client.get(world.url("/api/v1/limits"))).await;
        assert!(looked.contains(&format!("\"query\";q={look};w=60")), "{looked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_agents_api_can_be_switched_off() {
    for (switch, status) in [("true", 200), ("off", 404)] {
        let world = World::with(&[&format!("--enable-agent-api={switch}")]).await;
        let agent = Agent::new(&world, "robot", Mode::Live).await;
        assert_eq!(agent.send(agent.get("/api/agent/limits")).await.status(), status, "{switch}");
        let document: Value = world.get("/openapi.json").send().await.unwrap().json().await.unwrap();
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.keys().any(|path| path.starts_with("/api/agent/")), status == 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_an_agent_is_signed() {
    let world = World::new().await;
    let agent = Agent::new(&world, "robot", Mode::Live).await;
    let body = json!({ "image": STANDARD.encode(png()), "seed": 7 });
    let accepted: Value = agent.send(agent.put("/api/agent/jobs/mug").json(&body)).await.json().await.unwrap();
    assert_eq!((&accepted["agent_id"], &accepted["seed"]), (&agent.id.as_str().into(), &7.into()));
    assert!(accepted["links"]["self"].as_str().unwrap().starts_with("/api/agent/jobs/"));
    let other = Agent::new(&world, "other", Mode::Live).await;
    let job = format!("/api/agent/jobs/{}", accepted["job_id"].as_str().unwrap());
    assert_eq!(problem(other.send(other.delete(&job)).await).await["code"], "job_not_found");
    assert_eq!(agent.send(agent.delete(&job)).await.status(), 200);
}

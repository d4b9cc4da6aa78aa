//! Signed requests are admitted once, in either scheme.

use crate::world::{Proof, World, hex, problem, sign};
use access::{NewTenant, Overrides};
use domain::Class;
use reqwest::Method;
use signatures::Scheme;

const SCHEMES: [Scheme; 2] = [Scheme::Agent, Scheme::Http];

#[tokio::test(flavor = "multi_thread")]
async fn both_schemes_lead_to_the_same_caller_and_bring_the_body_whole() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let body: Vec<u8> = (0..5 << 20_u32).map(|n: u32| (n % 251) as u8).collect();
    for scheme in SCHEMES {
        let answer = world.signed(scheme, &ada, Method::GET, "/api/agent/who?a=b%20c", b"").await;
        assert_eq!(answer.status(), 200, "{scheme:?}");
        assert_eq!(answer.json::<String>().await.unwrap(), ada.tenant.id.as_str());
        let answer = world.signed(scheme, &ada, Method::POST, "/api/agent/echo", &body).await;
        assert_eq!(answer.json::<String>().await.unwrap(), hex(&body), "{scheme:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_counts_once_on_every_server_and_after_a_restart_of_redis() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let (_other, other) = world.another().await;
    for scheme in SCHEMES {
        // One of the schemes signs the authority, so both servers are addressed by one name.
        let host = world.base.trim_start_matches("http://");
        let request = sign(world.bare(Method::POST, "/api/agent/echo", b"x"), scheme, &Proof::of(&ada, scheme));
        let again = |base: &str| {
            let mut again = request.try_clone().unwrap();
            *again.url_mut() = format!("{base}/api/agent/echo").parse().unwrap();
            again.headers_mut().insert("host", host.parse().unwrap());
            again
        };
        assert_eq!(world.send(again(&world.base)).await.status(), 200, "{scheme:?}");
        for base in [&world.base, &other] {
            let (status, code, _) = problem(world.send(again(base)).await).await;
            assert_eq!((status, code.as_str()), (401, "replayed_nonce"), "{scheme:?}");
        }
        world.redis.restart();
        let (_, code, _) = problem(world.send(again(&other)).await).await;
        assert_eq!(code, "replayed_nonce", "{scheme:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_part_that_is_signed_is_bound() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    for scheme in SCHEMES {
        let signed =
            || sign(world.bare(Method::POST, "/api/agent/echo?a=1", b"body"), scheme, &Proof::of(&ada, scheme));
        assert_eq!(world.send(signed()).await.status(), 200, "it is admitted unchanged");
        let mut other_body = signed();
        *other_body.body_mut() = Some("bodY".into());
        let mut other_query = signed();
        other_query.url_mut().set_query(Some("a=2"));
        let mut other_type = signed();
        other_type.headers_mut().insert("content-type", "text/html".parse().unwrap());
        let mut added = signed();
        added.headers_mut().insert("idempotency-key", "mine".parse().unwrap());
        for (what, request) in [("body", other_body), ("query", other_query), ("type", other_type), ("added", added)] {
            let (status, code, _) = problem(world.send(request).await).await;
            assert!(matches!(code.as_str(), "invalid_signature" | "malformed_signature"), "{scheme:?} {what}: {code}");
            assert_eq!(status, 401);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_response_has_the_limits_and_they_are_enforced() {
    let world = World::new().await;
    let overrides = Overrides { queries_per_minute: Some(3), ..Overrides::default() };
    let ada = world.add(NewTenant { overrides, ..NewTenant::new("ada", Class::Agent) }).await;
    let ask = async || world.signed(Scheme::Agent, &ada, Method::GET, "/api/agent/who", b"").await;
    for left in [2, 1, 0] {
        let answer = ask().await;
        assert_eq!(answer.status(), 200);
        let header = answer.headers()["ratelimit"].to_str().unwrap();
        assert!(header.contains(&format!(";r={left};")), "{header}");
        assert!(answer.headers()["ratelimit-policy"].to_str().unwrap().contains(";q=3;w=60"));
    }
    let answer = ask().await;
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait) && answer.headers().contains_key("ratelimit"));
    let (status, code, _) = problem(answer).await;
    assert_eq!((status, code.as_str()), (429, "too_fast"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_two_hosts_is_for_none() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    for scheme in SCHEMES {
        let mut request = sign(world.bare(Method::GET, "/api/agent/who", b""), scheme, &Proof::of(&ada, scheme));
        for host in [world.base.trim_start_matches("http://"), "elsewhere.example"] {
            request.headers_mut().append("host", host.parse().unwrap());
        }
        // A proxy may use the other spelling; the server itself answers.
        assert_eq!(world.send(request).await.status(), 400, "{scheme:?}");
    }
}

//! Refused callers, and that the responses reveal no more than they should.

use crate::world::{Proof, World, problem, sign};
use access::{Mode, NewTenant, Operation, Permission, Permissions, Retire, Tier};
use domain::Class;
use reqwest::Method;
use secrecy::ExposeSecret;
use signatures::Scheme;
use std::collections::HashSet;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn all_unauthenticated_callers_get_the_same_answer() {
    let world = World::new().await;
    let (ada, user) = (world.agent("ada").await, world.user("eve").await);
    let expired = world.registry.issue(&ada.tenant.id, Mode::Live, Retire::None, Some(Duration::from_millis(1))).await;
    let revoked = world.registry.issue(&ada.tenant.id, Mode::Live, Retire::None, None).await.unwrap();
    world.registry.revoke_key(&ada.tenant.id, &revoked.key_id).await.unwrap();
    let gone = world.agent("gone").await;
    world.registry.revoke(&gone.tenant.id).await.unwrap();
    let denied_ip = NewTenant { allow: vec!["192.0.2.0/24".parse().unwrap()], ..NewTenant::new("far", Class::Agent) };
    let far = world.add(denied_ip).await;
    let key = |issued: &access::Issued, scheme| match scheme {
        Scheme::Agent => issued.api_key.expose_secret().to_owned(),
        Scheme::Http => issued.key_id.to_string(),
    };
    for scheme in [Scheme::Agent, Scheme::Http] {
        let unknown = match scheme {
            Scheme::Agent => "orf_live_0000000000000000000000000000000000000000_000000",
            Scheme::Http => "key_00000000000000000000",
        };
        let proofs = [
            Proof::new(unknown, b"secret"),
            Proof::new(&key(&ada, scheme), b"wrong"),
            Proof::of(expired.as_ref().unwrap(), scheme),
            Proof::of(&revoked, scheme),
            Proof::of(&gone, scheme),
            Proof::new(&key(&user, scheme), b"secret"),
            // Only an authenticated caller learns that its address is refused.
            Proof::new(&key(&far, scheme), b"wrong"),
        ];
        let mut answers = HashSet::new();
        for proof in proofs {
            for (method, path, body) in [(Method::GET, "who", &b""[..]), (Method::POST, "echo", b"body")] {
                let request = world.bare(method, &format!("/api/agent/{path}"), body);
                let (status, code, whole) = problem(world.send(sign(request, scheme, &proof)).await).await;
                assert_eq!((status, code.as_str()), (401, "invalid_signature"), "{}", proof.key);
                answers.insert(whole);
            }
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
    }
    let mut answers = HashSet::new();
    for issued in [&revoked, &gone, expired.as_ref().unwrap()] {
        answers.insert(problem(world.bearer("/api/v1/who", issued.api_key.expose_secret()).await).await);
    }
    for unknown in ["x", "orf_live_0000000000000000000000000000000000000000_000000", user.key_id.as_str()] {
        answers.insert(problem(world.bearer("/api/v1/who", unknown).await).await);
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|(status, code, _)| (*status, code.as_str()) == (401, "unknown_key")));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_api_takes_its_own_kind_of_proof() {
    let world = World::new().await;
    let (ada, eve) = (world.agent("ada").await, world.user("eve").await);
    let (agents, users) = (ada.api_key.expose_secret(), eve.api_key.expose_secret());
    let code = async |answer| {
        let (status, code, _) = problem(answer).await;
        (status, code)
    };
    let expect = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(world.bearer("/api/v1/who", users).await.status(), 200);
    assert_eq!(code(world.bearer("/api/v1/who", agents).await).await, expect(403, "wrong_api"));
    assert_eq!(code(world.bearer("/api/agent/who", agents).await).await, expect(403, "wrong_api"));
    assert_eq!(code(world.bearer("/api/agent/who", users).await).await, expect(403, "wrong_api"));
    let signed = world.signed(Scheme::Http, &ada, Method::GET, "/api/v1/who", b"").await;
    assert_eq!(code(signed).await, expect(403, "wrong_api"));
    for (path, missing, challenge) in [
        ("/api/v1/who", "missing_key", "Bearer"),
        ("/api/agent/who", "missing_signature", "Signature"),
        ("/api/admin/who", "missing_key", "Bearer, Signature"),
    ] {
        let answer = world.send(world.bare(Method::GET, path, b"")).await;
        assert_eq!(answer.headers()["www-authenticate"], challenge);
        assert_eq!(code(answer).await, expect(401, missing));
    }
    // The administrative surface takes bearer keys and signatures.
    assert_eq!(world.bearer("/api/admin/who", users).await.status(), 200);
    assert_eq!(world.signed(Scheme::Agent, &ada, Method::GET, "/api/admin/who", b"").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_a_signature_name_only_what_the_client_can_see() {
    let world = World::new().await;
    let ada = world.agent("ada").await;
    let send = async |change: &dyn Fn(&mut Proof)| {
        let mut proof = Proof::of(&ada, Scheme::Agent);
        change(&mut proof);
        problem(world.send(sign(world.bare(Method::GET, "/api/agent/who", b""), Scheme::Agent, &proof)).await).await.1
    };
    assert_eq!(send(&|proof| proof.created -= 301).await, "stale_timestamp");
    assert_eq!(send(&|proof| proof.created += 600).await, "stale_timestamp");
    let mut incomplete =
        sign(world.bare(Method::GET, "/api/agent/who", b""), Scheme::Agent, &Proof::of(&ada, Scheme::Agent));
    incomplete.headers_mut().remove("x-agent-nonce");
    let (status, code, whole) = problem(world.send(incomplete).await).await;
    assert_eq!((status, code.as_str()), (401, "malformed_signature"));
    assert!(whole.contains("x-agent-nonce"), "{whole}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authenticated_caller_needs_the_permission() {
    let world = World::new().await;
    let reader = NewTenant {
        tier: Tier::Unlimited,
        permissions: Permissions::from_iter([Permission::QueryStatus]),
        ..NewTenant::new("reader", Class::Agent)
    };
    let reader = world.add(reader).await;
    assert_eq!(world.signed(Scheme::Agent, &reader, Method::GET, "/api/agent/who", b"").await.status(), 200);
    let answer = world.signed(Scheme::Agent, &reader, Method::POST, "/api/agent/echo", b"x").await;
    let (status, code, whole) = problem(answer).await;
    assert_eq!((status, code.as_str()), (403, "permission_denied"));
    assert!(whole.contains(Operation::Generate.needs().as_str()), "{whole}");
}

//! Each decision about a request is in the audit log, under the request id of the response, and in the metrics.

use crate::agents::{Agent, add};
use crate::world::{World, problem};
use access::audit::{AuditReader, Filter, Outcome};
use access::{Defaults, MasterKey, Mode, Overrides, Registry, Retire};
use domain::Class;
use secrecy::ExposeSecret;
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;
use test_support::wait_until;

#[tokio::test(flavor = "multi_thread")]
async fn every_decision_is_recorded_and_counted_and_no_secret_is() {
    let world = World::new().await;
    let (limits, job) = (world.url("/api/v1/limits"), world.url("/api/v1/jobs/00000000-0000-8000-8000-000000000000"));
    let mut wrong = world.keys[0].clone();
    wrong.replace_range(12..16, "aaaa");
    for (request, id, status) in [
        (world.client.get(&limits).bearer_auth(&world.keys[0]), "allowed", 200),
        (world.client.delete(&job).bearer_auth(&world.keys[0]), "no-job", 404),
        (world.client.get(&limits).bearer_auth(&wrong), "wrong-key", 401),
        (world.client.get(&limits), "no-key", 401),
        (world.client.get(world.url("/livez")), "probe", 200),
        (world.client.get(world.url("/nowhere")), "nowhere", 404),
    ] {
        assert_eq!(request.header("x-request-id", id).send().await.unwrap().status(), status, "{id}");
    }
    let metrics = world.client.get(world.url("/metrics")).send().await.unwrap().text().await.unwrap();
    for line in [
        "orfeas_auth_failures_total{reason=\"unknown_key\"} ",
        "orfeas_auth_failures_total{reason=\"missing_key\"} ",
        "orfeas_decisions_total{operation=\"query\",outcome=\"allowed\",reason=\"\"} ",
        "orfeas_decisions_total{operation=\"cancel\",outcome=\"refused\",reason=\"job_not_found\"} ",
        "orfeas_audit_dropped_total 0",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }

    // A service writes its pending records before it ends.
    let World { redis, server, owners, keys, .. } = world;
    server.stop().await.unwrap();
    let mut reader = AuditReader::open(&redis.url(), "orfeas", None, Filter::default()).await.unwrap();
    let mut records = Vec::new();
    while let Some(more) = reader.next(false).await.unwrap() {
        records.extend(more);
    }
    let text = format!("{records:?}");
    assert!(!text.contains(&keys[0]) && !text.contains(&wrong), "{text}");
    let found: Vec<_> = records
        .iter()
        .map(|record| {
            let is_owner = record.tenant.as_deref() == Some(owners[0].as_str());
            let operation = record.operation.as_deref().unwrap_or_default();
            (record.request_id.as_str(), record.outcome, record.reason.as_str(), record.proven && is_owner, operation)
        })
        .collect();
    for expected in [
        ("allowed", Outcome::Allowed, "", true, "query"),
        ("no-job", Outcome::Refused, "job_not_found", true, "cancel"),
        ("wrong-key", Outcome::Refused, "unknown_key", false, ""),
        ("no-key", Outcome::Refused, "missing_key", false, ""),
    ] {
        assert!(found.contains(&expected), "{expected:?} is not in {found:?}");
    }
    assert_eq!(found.len(), 4, "requests to unauthenticated addresses are not recorded");
    assert!(records.iter().all(|record| record.ip.as_deref() == Some("127.0.0.1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_a_refusal_is_in_the_log_and_not_in_the_response() {
    let world = World::new().await;
    let master = MasterKey::read(&world.directory.path().join("master-key")).unwrap();
    let registry = Registry::connect(&world.redis.url(), "orfeas", &master, Defaults::default()).await.unwrap();
    let [ada, bob] = world.owners.each_ref().map(|owner| owner.parse().unwrap());
    let brief = registry.issue(&ada, Mode::Live, Retire::None, Some(Duration::from_millis(1))).await.unwrap();
    let brief = brief.api_key.expose_secret();
    let ended = async || registry.find_by_key(brief).await.unwrap().verify_bearer().is_err();
    wait_until("the key to end", Duration::from_secs(10), ended).await;
    let revoked = registry.issue(&ada, Mode::Live, Retire::None, None).await.unwrap();
    registry.revoke_key(&ada, &revoked.key_id).await.unwrap();
    registry.revoke(&bob).await.unwrap();
    let mut answers = HashSet::new();
    let mut known = |mut answer: Value| {
        for its_own in ["request_id", "trace_id"] {
            answer.as_object_mut().unwrap().remove(its_own);
        }
        answers.insert(answer.to_string());
        answers.len()
    };
    for key in ["orf_live_x", brief, revoked.api_key.expose_secret(), &world.keys[1]] {
        let answer = world.client.get(world.url("/api/v1/limits")).bearer_auth(key).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), known(problem(answer).await)), (401, 1), "one answer for all");
    }
    let (_, key, secret) = add(&world, "robot", Class::Agent, Mode::Live, Overrides::default()).await;
    let secret = secret.unwrap();
    for (key, secret) in [(&*key, "orf_secret_x"), ("orf_live_x", &secret)] {
        let agent = Agent::claiming(&world, key, secret);
        let answer = agent.send(agent.get("/api/agent/limits")).await;
        assert_eq!(
            (answer.status().as_u16(), known(problem(answer).await)),
            (401, 2),
            "and one for all signed requests"
        );
    }

    let metrics = world.get("/metrics").send().await.unwrap().text().await.unwrap();
    for reason in ["unknown_key", "expired", "revoked", "disabled", "wrong_signature"] {
        let line = format!("orfeas_auth_failures_total{{reason=\"{reason}\"}} ");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
}

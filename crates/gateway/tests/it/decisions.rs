//! Whatever came to the gate is in the audit, under the id that the client was told, and in the metrics.

use crate::world::World;
use access::audit::{AuditReader, Filter, Outcome};

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

    // A service that ends writes down what it has decided.
    let World { redis, server, owners, keys, .. } = world;
    server.stop().await.unwrap();
    let mut reader = AuditReader::open(&redis.url(), "orfeas", None, Filter::default()).await.unwrap();
    let mut records = Vec::new();
    while let Some(more) = reader.next(false).await.unwrap() {
        records.extend(more);
    }
    let text = format!("{records:?}");
    assert!(!text.contains(&keys[0]) && !text.contains(&wrong), "{text}");
    let told: Vec<_> = records
        .iter()
        .map(|record| {
            let whose = record.tenant.as_deref() == Some(owners[0].as_str());
            let operation = record.operation.as_deref().unwrap_or_default();
            (record.request_id.as_str(), record.outcome, record.reason.as_str(), record.proven && whose, operation)
        })
        .collect();
    for expected in [
        ("allowed", Outcome::Allowed, "", true, "query"),
        ("no-job", Outcome::Refused, "job_not_found", true, "cancel"),
        ("wrong-key", Outcome::Refused, "unknown_key", false, ""),
        ("no-key", Outcome::Refused, "missing_key", false, ""),
    ] {
        assert!(told.contains(&expected), "{expected:?} is not in {told:?}");
    }
    assert_eq!(told.len(), 4, "what does not come to the gate is not decided there");
    assert!(records.iter().all(|record| record.ip.as_deref() == Some("127.0.0.1")));
}

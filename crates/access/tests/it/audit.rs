//! Audit records: order, filters, bounds and outages.

use crate::caller::agent;
use access::audit::{Audit, AuditOptions, AuditReader, Event, Filter, Outcome, Record};
use access::{Caller, Operation};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use test_support::{ChaosProxy, RedisServer};

fn event(caller: &Caller, outcome: Outcome, reason: &'static str, request: usize) -> Event {
    Event {
        proven: reason != "wrong_signature",
        tenant: Some(caller.tenant.id.clone()),
        key_id: Some(caller.key_id.clone()),
        operation: Some(Operation::Generate),
        outcome,
        reason,
        ip: Some("::ffff:192.0.2.7".parse().unwrap()),
        request_id: format!("request-{request}"),
    }
}

async fn read(redis: &RedisServer, since: Option<Duration>, filter: Filter) -> Vec<Record> {
    let mut reader = AuditReader::open(&redis.url(), "test", since, filter).await.unwrap();
    let mut all = Vec::new();
    while let Some(more) = reader.next(false).await.unwrap() {
        all.extend(more);
    }
    all
}

#[tokio::test]
async fn records_are_read_in_order_and_can_be_filtered() {
    let redis = RedisServer::start();
    let audit = Audit::start(&redis.url(), "test", AuditOptions::default()).unwrap();
    let (ada, bob) = (agent(|_| ()), agent(|_| ()));
    // More than one page per stream.
    for n in 0..1_500 {
        let caller = if n % 3 == 0 { &ada } else { &bob };
        match n % 2 {
            0 => audit.record(event(caller, Outcome::Allowed, "", n)),
            _ => audit.record(event(caller, Outcome::Refused, "wrong_signature", n)),
        }
    }
    audit.flush().await;
    assert_eq!(audit.dropped(), 0);
    let all = read(&redis, None, Filter::default()).await;
    assert_eq!(all.len(), 1_500);
    // The two streams may be a millisecond apart; within each, the order is that of the decisions.
    for proven in [true, false] {
        let numbers = all.iter().filter(|record| record.proven == proven);
        let numbers: Vec<usize> = numbers.map(|record| record.request_id[8..].parse().unwrap()).collect();
        assert_eq!(numbers.len(), 750);
        assert!(numbers.is_sorted());
    }
    assert!(all.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms + 10_000));
    let first = all.iter().find(|record| record.request_id == "request-0").unwrap();
    let json = serde_json::to_value(first).unwrap();
    assert_eq!((&json["outcome"], &json["reason"], &json["ip"]), (&"allowed".into(), &"".into(), &"192.0.2.7".into()));
    assert_eq!((&json["tenant"], &json["operation"]), (&ada.tenant.id.as_str().into(), &"generate".into()));

    let of_ada = Filter { tenant: Some(ada.tenant.id.to_string()), ..Filter::default() };
    assert_eq!(read(&redis, None, of_ada.clone()).await.len(), 500);
    assert_eq!(read(&redis, None, Filter { outcome: Some(Outcome::Refused), ..of_ada }).await.len(), 250);
    let by_key = Filter { key_id: Some(bob.key_id.to_string()), ..Filter::default() };
    assert_eq!(read(&redis, Some(Duration::from_secs(60)), by_key).await.len(), 1_000);
    tokio::time::sleep(Duration::from_millis(30)).await;
    assert!(read(&redis, Some(Duration::from_millis(1)), Filter::default()).await.is_empty());
}

#[tokio::test]
async fn a_follower_sees_new_records() {
    let redis = RedisServer::start();
    let audit = Audit::start(&redis.url(), "test", AuditOptions::default()).unwrap();
    let ada = agent(|_| ());
    let refused = Filter { outcome: Some(Outcome::Refused), ..Filter::default() };
    let mut reader = AuditReader::open(&redis.url(), "test", None, refused).await.unwrap();
    let follower = tokio::spawn(async move {
        let mut seen = Vec::new();
        while seen.len() < 20 {
            seen.extend(reader.next(true).await.unwrap().unwrap());
        }
        seen
    });
    for n in 0..20 {
        audit.record(event(&ada, Outcome::Allowed, "", n));
        audit.record(event(&ada, Outcome::Refused, if n % 2 == 0 { "too_fast" } else { "wrong_signature" }, n));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let seen = tokio::time::timeout(Duration::from_secs(60), follower).await.unwrap().unwrap();
    assert_eq!(seen.len(), 20);
    assert!(seen.iter().all(|record| record.outcome == Outcome::Refused));
}

#[tokio::test]
async fn unauthenticated_requests_do_not_displace_records_of_tenants() {
    let redis = RedisServer::start();
    let options = AuditOptions { audit_retention_days: 1, audit_max_records: 200, audit_max_strangers: 300 };
    let audit = Audit::start(&redis.url(), "test", options).unwrap();
    let ada = agent(|_| ());
    for n in 0..50 {
        audit.record(event(&ada, Outcome::Allowed, "", n));
    }
    for n in 0..3_000 {
        audit.record(event(&ada, Outcome::Refused, "wrong_signature", n));
    }
    audit.flush().await;
    let all = read(&redis, None, Filter::default()).await;
    let strangers = all.iter().filter(|record| !record.proven).count();
    assert_eq!(all.len() - strangers, 50);
    assert!((300..=400).contains(&strangers), "{strangers}");
    for n in 0..1_000 {
        audit.record(event(&ada, Outcome::Allowed, "", n));
    }
    audit.flush().await;
    let proven = read(&redis, None, Filter::default()).await.into_iter().filter(|record| record.proven).count();
    assert!((200..=300).contains(&proven), "{proven}");
}

#[tokio::test]
async fn records_beyond_the_retention_are_dropped() {
    let redis = RedisServer::start();
    let client = redis::Client::open(redis.url()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let (seconds, _): (u64, u64) = redis::cmd("TIME").query_async(&mut connection).await.unwrap();
    let two_days_ago = (seconds - 2 * 86_400) * 1_000;
    let fields = ["tenant", "", "key", "", "operation", "", "outcome", "allowed", "reason", "", "ip", "", "request"];
    for n in 0..250 {
        let mut add = redis::cmd("XADD");
        add.arg("test:{access}:audit").arg(two_days_ago + n).arg(&fields).arg("").arg("age").arg("0");
        let _: String = add.query_async(&mut connection).await.unwrap();
    }
    assert_eq!(read(&redis, None, Filter::default()).await.len(), 250);
    let options = AuditOptions { audit_retention_days: 1, ..AuditOptions::default() };
    let audit = Audit::start(&redis.url(), "test", options).unwrap();
    audit.record(event(&agent(|_| ()), Outcome::Allowed, "", 1));
    audit.flush().await;
    let left = read(&redis, None, Filter::default()).await.len();
    assert!(left <= 101, "{left} left: whole hundreds go");
    let life: i64 = redis::cmd("TTL").arg("test:{access}:audit").query_async(&mut connection).await.unwrap();
    assert!((86_000..=86_400).contains(&life), "{life}");
}

#[tokio::test]
async fn records_that_do_not_fit_during_an_outage_become_a_gap() {
    let redis = RedisServer::start();
    let proxy = ChaosProxy::start(redis.address()).await;
    let audit = Audit::start(&proxy.redis_url(), "test", AuditOptions::default()).unwrap();
    let ada = agent(|_| ());
    audit.record(event(&ada, Outcome::Allowed, "", 0));
    audit.flush().await;
    proxy.cut();
    for n in 1..=100 {
        audit.record(event(&ada, Outcome::Allowed, "", n));
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    for n in 101..=6_000 {
        audit.record(event(&ada, Outcome::Allowed, "", n));
    }
    let dropped = audit.dropped();
    assert!(dropped > 1_000, "the buffer is bounded: {dropped}");
    let healed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    proxy.heal();
    tokio::time::timeout(Duration::from_secs(60), audit.flush()).await.unwrap();
    audit.record(event(&ada, Outcome::Allowed, "", 9_999));
    audit.flush().await;
    let all = read(&redis, None, Filter::default()).await;
    let gaps: u64 = all
        .iter()
        .filter(|record| record.outcome == Outcome::Gap)
        .map(|record| record.reason.parse::<u64>().unwrap())
        .sum();
    assert_eq!(gaps, dropped);
    let kept = all.iter().filter(|record| record.outcome == Outcome::Allowed).count() as u64;
    assert_eq!(kept, 6_002 - dropped);
    let late = all.iter().find(|record| record.request_id == "request-1").unwrap();
    assert!(u128::from(late.at_ms) < healed, "a record has the time of the decision, not that of the write");
}

//! `orfeas audit`, as a program.
#![allow(clippy::unwrap_used)]

use access::Operation;
use access::audit::{Audit, AuditOptions, Event, Outcome};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use test_support::RedisServer;

const ADA: &str = "agt_00000000000000000ada";
const KEY: &str = "key_00000000000000000ada";

fn event(outcome: Outcome, reason: &'static str, request: &str) -> Event {
    Event {
        proven: reason != "wrong_signature",
        tenant: Some(ADA.parse().unwrap()),
        key_id: Some(KEY.parse().unwrap()),
        operation: Some(Operation::Generate),
        outcome,
        reason,
        ip: Some("2001:db8::7".parse().unwrap()),
        request_id: request.to_owned(),
    }
}

async fn filled() -> (RedisServer, Audit) {
    let redis = RedisServer::start();
    let audit = Audit::start(&redis.url(), "orfeas", AuditOptions::default()).unwrap();
    audit.record(event(Outcome::Allowed, "", "first"));
    audit.record(event(Outcome::Refused, "too_fast", "second"));
    audit.record(event(Outcome::Refused, "wrong_signature", "third"));
    audit.flush().await;
    (redis, audit)
}

fn orfeas(redis: &RedisServer, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas"));
    command.arg("audit").args(arguments).arg("--redis-url").arg(redis.url());
    command
}

fn printed(redis: &RedisServer, arguments: &[&str]) -> String {
    let output = orfeas(redis, arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn filters_select_the_printed_records() {
    let (redis, _audit) = filled().await;
    let all = printed(&redis, &["--since", "1h"]);
    assert_eq!(all.lines().count(), 3, "{all}");
    let second = all.lines().find(|line| line.contains(" second ")).unwrap();
    assert!(second.contains(&format!("Z refused generate {ADA}  {KEY} 2001:db8::7")), "{second}");
    assert!(second.ends_with("second too_fast"), "{second}");
    assert!(all.contains(&format!("{ADA}? ")), "a tenant that was only claimed is marked: {all}");

    let refused = printed(&redis, &["--outcome", "refused", "--tenant", ADA, "--key", KEY, "--json"]);
    let records: Vec<serde_json::Value> = refused.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|record| record["outcome"] == "refused" && record["tenant"] == ADA));
    assert_eq!(printed(&redis, &["--tenant", "agt_unknown"]), "");
}

#[tokio::test]
async fn new_records_are_followed() {
    let (redis, audit) = filled().await;
    let mut child = orfeas(&redis, &["--follow"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..3 {
        lines.next().unwrap().unwrap();
    }
    audit.record(event(Outcome::Allowed, "", "fourth"));
    audit.flush().await;
    assert!(lines.next().unwrap().unwrap().ends_with(" fourth"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn without_redis_or_with_wrong_options_it_fails() {
    let redis = RedisServer::start();
    assert_eq!(orfeas(&redis, &["--since", "yesterday"]).output().unwrap().status.code(), Some(2));
    assert_eq!(orfeas(&redis, &["--outcome", "perhaps"]).output().unwrap().status.code(), Some(2));
    redis.stop();
    let output = orfeas(&redis, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

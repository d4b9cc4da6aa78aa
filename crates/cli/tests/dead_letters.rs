//! `orfeas dead-letters`, as a program.
#![allow(clippy::unwrap_used)]

use domain::{Class, Failure, JobId, JobState};
use queue::{LeaseOptions, Queue, RedisOptions};
use serde_json::Value;
use std::process::{Command, Output};
use std::time::Duration;
use test_support::{RedisServer, job, worker_info};

fn dead_letters(redis: &RedisServer, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orfeas"));
    command.arg("dead-letters").args(arguments).arg("--redis-url").arg(redis.url()).output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Submits a job that fails in its only attempt.
async fn dead_letter(queue: &Queue) -> JobId {
    let job = job("usr_00000000000000000ada", Class::User);
    let id = job.id;
    queue.submit(&job.into()).await.unwrap();
    let options = LeaseOptions { lease: Duration::from_secs(60), max_attempts: 1 };
    let worker = queue.worker(worker_info(), options).await.unwrap();
    let lease = worker.lease(1, Duration::from_secs(20)).await.unwrap().remove(0);
    let failure = Failure { code: "device_error".to_owned(), detail: "It failed.".to_owned(), retryable: true };
    assert_eq!(lease.fail(&failure).await.unwrap(), JobState::Failed);
    id
}

#[tokio::test]
async fn dead_letters_are_listed_redriven_and_discarded() {
    let redis = RedisServer::start();
    let queue = Queue::connect(&RedisOptions::at(&redis.url()).unwrap()).await.unwrap();
    let (first, second) = (dead_letter(&queue).await, dead_letter(&queue).await);
    let listed: Value = serde_json::from_str(&text(&dead_letters(&redis, &["list", "--json"]))).unwrap();
    let id = |n: usize| listed[n]["id"].as_str().unwrap();
    assert_eq!(
        (&listed[0]["job"]["id"], &listed[1]["job"]["id"]),
        (&second.to_string().into(), &first.to_string().into())
    );
    assert_eq!((&listed[0]["failure"]["code"], &listed[0]["attempts"]), (&"device_error".into(), &1.into()));
    let table = text(&dead_letters(&redis, &["list", "--limit", "1"]));
    assert!(table.lines().count() == 2 && table.contains(&second.to_string()), "{table}");

    let redriven: Value = serde_json::from_str(&text(&dead_letters(&redis, &["redrive", id(1), "--json"]))).unwrap();
    assert_eq!(redriven["letter"], id(1));
    let record = queue.record(redriven["job_id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(record.state, JobState::Queued);
    assert_eq!(text(&dead_letters(&redis, &["discard", id(0)])), "");
    assert_eq!(text(&dead_letters(&redis, &["list", "--json"])).trim(), "[]");

    for (arguments, code) in [(&["redrive", id(1)][..], 5), (&["discard", "all"], 5), (&["redrive"], 2)] {
        let output = dead_letters(&redis, arguments);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
    redis.stop();
    assert_eq!(dead_letters(&redis, &["list"]).status.code(), Some(3));
}

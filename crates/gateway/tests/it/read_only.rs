//! A Redis that refuses writes: submissions are refused with a code that names the reason, and reads go on.

use crate::pictures::{jpeg, png};
use crate::world::{World, problem};
use serde_json::Value;
use std::time::Duration;
use test_support::wait_until;

#[tokio::test(flavor = "multi_thread")]
async fn reads_go_on_while_redis_refuses_writes() {
    let world = World::with(&["--with-status"]).await;
    let job: Value = world.post_form(&png(), &[]).send().await.unwrap().json().await.unwrap();
    let job = format!("/api/v1/jobs/{}", job["job_id"].as_str().unwrap());
    let stored = world.stored();
    type Step = fn(&World);
    let cases: [(&str, Step, Step); 4] = [
        (
            "queue_memory_full",
            |world| drop(world.redis.ask("CONFIG SET maxmemory 1")),
            |world| drop(world.redis.ask("CONFIG SET maxmemory 0")),
        ),
        ("queue_disk_full", |world| world.redis.refuse_writes(), |world| world.redis.accept_writes()),
        (
            "queue_no_replicas",
            |world| drop(world.redis.ask("CONFIG SET min-replicas-to-write 1")),
            |world| drop(world.redis.ask("CONFIG SET min-replicas-to-write 0")),
        ),
        (
            "queue_unavailable",
            |world| drop(world.redis.ask("REPLICAOF 127.0.0.1 1")),
            |world| drop(world.redis.ask("REPLICAOF NO ONE")),
        ),
    ];
    for (number, (code, refuse, accept)) in cases.into_iter().enumerate() {
        refuse(&world);
        let refused = problem(world.post_form(&jpeg(), &[]).send().await.unwrap()).await;
        assert_eq!((&refused["code"], &refused["status"]), (&code.into(), &503.into()), "{number}: {refused}");
        for path in [&*job, "/api/v1/jobs", "/api/v1/limits", "/api/v1/models", "/api/v1/webhooks"] {
            let answer = world.get(path).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{number}: {path}: {}", answer.text().await.unwrap());
        }
        assert_eq!(world.stored(), stored, "{number}: a refused submission stores nothing");
        accept(&world);
        let accepted = async || world.post_form(&png(), &[]).send().await.unwrap().status() == 202;
        wait_until("submissions to be accepted again", Duration::from_secs(30), accepted).await;
    }
}

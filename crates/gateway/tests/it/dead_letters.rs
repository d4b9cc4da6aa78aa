//! Dead letters, managed over HTTP.

use crate::admin::{ask, with_admin};
use crate::pictures::png;
use crate::world::{World, problem, worker_info};
use domain::{Failure, JobState};
use queue::LeaseOptions;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Makes the job of a new submission fail, and returns its id.
async fn dead_letter(world: &World) -> String {
    let options = LeaseOptions { lease: Duration::from_secs(60), max_attempts: 1 };
    let worker = world.queue().await.worker(worker_info(), options).await.unwrap();
    assert_eq!(world.post_form(&png(), &[]).send().await.unwrap().status(), 202);
    let lease = worker.lease(1, Duration::from_secs(20)).await.unwrap().remove(0);
    let id = lease.job().id.to_string();
    let failure = Failure { code: "device_error".to_owned(), detail: "The device failed.".to_owned(), retryable: true };
    assert_eq!(lease.fail(&failure).await.unwrap(), JobState::Failed);
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_listed_redriven_and_discarded() {
    let (world, admin) = with_admin().await;
    let (first, second) = (dead_letter(&world).await, dead_letter(&world).await);
    let list = async |query: &str| -> Value {
        let answer = ask(&world, &admin, Method::GET, &format!("/dead-letters{query}"), None).await;
        assert_eq!((answer.status().as_u16(), &answer.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
        answer.json().await.unwrap()
    };
    let page = list("?limit=1").await;
    let letter = &page["dead_letters"][0];
    assert_eq!((&letter["job_id"], &letter["tenant"]), (&second.into(), &world.owners[0].clone().into()));
    assert_eq!((&letter["failure"]["code"], &letter["attempts"]), (&"device_error".into(), &1.into()));
    let rest = list(&format!("?before={}", page["next"].as_str().unwrap())).await;
    assert_eq!((&rest["dead_letters"][0]["job_id"], &rest["next"]), (&first.into(), &Value::Null));

    let path = |letter: &Value| format!("/dead-letters/{}", letter["id"].as_str().unwrap());
    let redrive = format!("{}/redrive", path(&rest["dead_letters"][0]));
    let answer = ask(&world, &admin, Method::POST, &redrive, None).await;
    assert_eq!(answer.status(), 202);
    let redriven: Value = answer.json().await.unwrap();
    let job = world.queue().await.record(redriven["job_id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((job.state, &job.job.owner), (JobState::Queued, &world.owners[0]));
    assert_eq!(problem(ask(&world, &admin, Method::POST, &redrive, None).await).await["code"], "dead_letter_not_found");

    assert_eq!(ask(&world, &admin, Method::DELETE, &path(letter), None).await.status(), 204);
    assert_eq!(list("").await["dead_letters"], json!([]));
    let gone = ask(&world, &admin, Method::DELETE, &path(letter), None).await;
    assert_eq!(problem(gone).await["code"], "dead_letter_not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_need_the_permission_and_a_readable_job() {
    let (world, admin) = with_admin().await;
    world.redis.ask("XADD orfeas:{queue}:dead 7-1 id x job {} failure {} attempts 3 worker w at 7");
    let list: Value = ask(&world, &admin, Method::GET, "/dead-letters", None).await.json().await.unwrap();
    let letter = &list["dead_letters"][0];
    assert!(letter["unreadable"].is_string() && letter.get("job_id").is_none(), "{letter}");
    for (key, method, path, code) in [
        (&admin, Method::POST, "/dead-letters/7-1/redrive", "dead_letter_unreadable"),
        (&admin, Method::POST, "/dead-letters/all/redrive", "dead_letter_not_found"),
        (&admin, Method::GET, "/dead-letters?before=x", "dead_letter_not_found"),
        (&admin, Method::GET, "/dead-letters?limit=101", "invalid_parameter"),
        (&admin, Method::GET, "/dead-letters?after=7-1", "invalid_parameter"),
        (&world.keys[0], Method::GET, "/dead-letters", "permission_denied"),
        (&world.keys[0], Method::POST, "/dead-letters/7-1/redrive", "permission_denied"),
        (&world.keys[0], Method::DELETE, "/dead-letters/7-1", "permission_denied"),
    ] {
        let answer = problem(ask(&world, key, method.clone(), path, None).await).await;
        assert_eq!(answer["code"], code, "{method} {path}: {answer}");
    }
}

//! Records of a newer version: they are shown as far as they can be read, and affect nothing else.

use crate::world::{World, job, problem};
use domain::{BatchId, Job, JobId, MeshFormat, Progress};
use queue::Submission;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a command to Redis and returns its answer.
async fn redis(world: &World, command: &[&str]) -> String {
    let mut stream = TcpStream::connect(world.redis.address()).await.unwrap();
    let mut text = format!("*{}\r\n", command.len());
    for part in command {
        text.push_str(&format!("${}\r\n{part}\r\n", part.len()));
    }
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.write_all(b"QUIT\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn key(job: JobId) -> String {
    format!("orfeas:{{queue}}:job:{job}")
}

/// Changes the JSON of a field of a job's hash.
async fn change(world: &World, job: JobId, field: &str, change: impl FnOnce(&mut Value)) {
    let stored = redis(world, &["HGET", &key(job), field]).await;
    let json = stored.split("\r\n").nth(1).unwrap();
    let mut value: Value = serde_json::from_str(json).unwrap_or_else(|error| panic!("{field}: {stored}: {error}"));
    change(&mut value);
    set(world, job, field, &value.to_string()).await;
}

async fn set(world: &World, job: JobId, field: &str, value: &str) {
    assert!(redis(world, &["HSET", &key(job), field, value]).await.starts_with(':'));
}

/// Every page that shows this job, with the view of it.
async fn views(world: &World, batch: BatchId, job: JobId) -> Vec<Value> {
    let mut views = Vec::new();
    for path in [format!("jobs/{job}"), format!("status/{job}"), "jobs?limit=100".to_owned(), format!("batch/{batch}")]
    {
        let answer = world.get(&format!("/api/v1/{path}")).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}: {}", answer.text().await.unwrap());
        let page: Value = answer.json().await.unwrap();
        let one = match page["jobs"].as_array() {
            Some(jobs) => {
                assert_eq!(jobs.len(), 2, "no job is left out: {page}");
                jobs.iter().find(|view| view["job_id"] == job.to_string()).cloned().unwrap()
            }
            None => page,
        };
        views.push(one);
    }
    views
}

/// Two jobs of a batch; the first is leased.
async fn two_jobs(world: &World) -> (BatchId, JobId, queue::Lease) {
    let batch = BatchId::new();
    let one = || Submission::from(Job { batch: Some(batch), ..job(&world.owners[0]) });
    world.queue.submit_batch(batch, &[one(), one()]).await.unwrap();
    let lease = world.worker().await.lease(1, Duration::from_secs(5)).await.unwrap().remove(0);
    (batch, lease.job().id, lease)
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_fields_stages_roles_and_failures_are_passed_over_or_on() {
    let world = World::new().await;
    let (batch, job, lease) = two_jobs(&world).await;
    let progress = Progress::steps("paint_texture", 3, 9).with_fraction(0.5);
    lease.progress(&progress).await.unwrap();
    change(&world, job, "job", |stored| {
        stored["from_the_future"] = json!({"a": [1]});
        stored["spec"]["texture"] = true.into();
        stored["spec"]["parameters"]["gloss"] = 0.5.into();
        stored["spec"]["parameters"]["format"] = "usdz".into();
        stored["spec"]["images"].as_array_mut().unwrap().push(json!({"view": "top", "image": "e".repeat(64)}));
        stored["spec"]["model"] = "next".into();
    })
    .await;
    change(&world, job, "progress", |stored| stored["heat"] = 1.into()).await;
    for view in views(&world, batch, job).await {
        assert_eq!(
            (&view["stage"], &view["step"], &view["progress"]),
            (&"paint_texture".into(), &3.into(), &0.5.into())
        );
        assert_eq!((&view["parameters"]["steps"], &view["model"]), (&20.into(), &"next".into()), "{view}");
        assert_eq!(view.get("warnings"), None, "{view}");
    }

    let mut result = world.result(MeshFormat::GLB, b"glTF").await;
    let texture = world.blobs.put("a texture".into()).await.unwrap();
    result.artifacts.push(domain::Artifact {
        role: "base-color".to_owned(),
        media_type: "image/ktx2".to_owned(),
        blob: texture.clone(),
        bytes: 9,
    });
    lease.succeed(&result).await.unwrap();
    change(&world, job, "result", |stored| stored["format"] = "usdz".into()).await;
    for view in views(&world, batch, job).await {
        let artifacts = view["artifacts"].as_array().unwrap();
        assert_eq!(artifacts.len(), 3, "{view}");
        for artifact in artifacts {
            let file = world.get(artifact["url"].as_str().unwrap()).send().await.unwrap();
            assert_eq!(file.headers()["content-type"], artifact["media_type"].as_str().unwrap());
            assert_eq!(file.headers()["etag"], format!("\"{}\"", artifact["digest"].as_str().unwrap()));
            assert_eq!(file.bytes().await.unwrap().len() as u64, artifact["bytes"].as_u64().unwrap());
        }
    }
    change(&world, job, "job", |stored| stored["spec"]["kind"] = "texture".into()).await;
    set(&world, job, "state", "failed").await;
    set(&world, job, "failure", r#"{"code":"paint_ran_out","detail":"Dry.","retryable":true,"colour":3}"#).await;
    for view in views(&world, batch, job).await {
        assert_eq!(
            (&view["kind"], &view["failure"]["code"]),
            (&"unsupported".into(), &"paint_ran_out".into()),
            "{view}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_is_an_entry_like_any_other() {
    let world = World::new().await;
    let newer = |stored: &mut Value| stored["v"] = 99.into();
    type Change<'a> = &'a dyn Fn(&mut Value);
    let broken: [(&str, Change<'_>); 3] = [
        ("job", &newer),
        ("job", &|stored| *stored = json!("not an object")),
        ("result", &|stored| *stored = json!([])),
    ];
    for (field, spoil) in broken {
        let world = World::new().await;
        let (batch, job, lease) = two_jobs(&world).await;
        lease.succeed(&world.result(MeshFormat::GLB, b"glTF").await).await.unwrap();
        change(&world, job, field, spoil).await;
        for view in views(&world, batch, job).await {
            assert_eq!(
                (&view["status"], &view["warnings"][0]["code"]),
                (&"succeeded".into(), &"job_unreadable".into())
            );
        }
        for below in ["/result", "/thumbnail", "/artifacts/mesh"] {
            let body = problem(world.get_job(job, below).send().await.unwrap()).await;
            assert_eq!((&body["code"], &body["status"]), (&"job_unreadable".into(), &503.into()), "{below}");
        }
        let events = world.get_job(job, "/events").send().await.unwrap();
        assert_eq!(events.status(), 200);
        let events = events.text().await.unwrap();
        assert!(events.contains("event: snapshot") && events.contains("\"job_unreadable\""), "{events}");
        // It belongs to its owner all the same.
        let theirs = world.client.get(world.url(&format!("/api/v1/jobs/{job}"))).bearer_auth(&world.keys[1]);
        assert_eq!(problem(theirs.send().await.unwrap()).await["code"], "job_not_found");
    }
    assert_eq!(world.get("/api/v1/jobs").send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_no_live_worker_can_run_says_so_and_promises_no_time() {
    let world = World::new().await;
    // A time is known from the jobs of a worker that has gone.
    let (first, lease) = world.running().await;
    lease.succeed(&world.result(MeshFormat::GLB, b"glTF").await).await.unwrap();
    assert_eq!(world.view(first).await.get("warnings"), None);
    let waiting = world.submit().await;
    let is_warned = async || world.view(waiting).await["warnings"][0]["code"] == "no_worker";
    test_support::wait_until("the worker to count as dead", Duration::from_secs(30), is_warned).await;
    let view = world.view(waiting).await;
    assert_eq!((&view["status"], view.get("eta_seconds")), (&"queued".into(), None), "{view}");
}

//! Batches: all images are accepted or none, and errors name the place of the image.

use crate::agents::{Agent, add};
use crate::pictures::{disc, encode, png};
use crate::world::{World, problem};
use access::{Mode, Overrides};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Class, MeshFormat};
use image::ImageFormat;
use reqwest::RequestBuilder;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

const BATCH: &str = "/api/v1/batch";

fn post(world: &World) -> RequestBuilder {
    world.client.post(world.url(BATCH)).bearer_auth(&world.keys[0])
}

fn picture(side: u32) -> String {
    STANDARD.encode(encode(disc(side), ImageFormat::Png))
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_are_shared_and_each_image_may_have_its_own() {
    let world = World::new().await;
    let body = json!({
        "steps": 9,
        "format": "stl",
        "images": [picture(40), { "image": picture(50), "steps": 3, "seed": 11 }, picture(60)],
    });
    let answer = post(&world).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let batch: Value = answer.json().await.unwrap();
    assert_eq!((&batch["batch_size"], batch["self"].as_str()), (&3.into(), Some(&*location)));
    assert_eq!(location, format!("{BATCH}/{}", batch["batch_id"].as_str().unwrap()));
    let queue = world.queue().await;
    let mut seen = Vec::new();
    for (id, job) in batch["job_ids"].as_array().unwrap().iter().zip(batch["jobs"].as_array().unwrap()) {
        assert_eq!(&job["job_id"], id);
        let record = queue.record(id.as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(record.job.batch.unwrap().to_string(), batch["batch_id"]);
        assert_eq!(
            (record.job.parameters().unwrap().format, &record.job.parameters().unwrap().seed),
            (Some(MeshFormat::STL), &job["seed"].as_u64())
        );
        seen.push(record.job.parameters().unwrap().steps.unwrap());
    }
    assert_eq!(seen, [9, 3, 9]);
    assert_eq!(batch["jobs"][1]["seed"], 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_may_have_overrides() {
    let world = World::new().await;
    let part = |side| Part::bytes(encode(disc(side), ImageFormat::Png)).file_name("p.png");
    let form = Form::new()
        .part("images", part(40))
        .text("steps", "9")
        .part("images", part(50))
        .text("overrides", "[null, {\"steps\": 3}]");
    let batch: Value = post(&world).multipart(form).send().await.unwrap().json().await.unwrap();
    let queue = world.queue().await;
    let mut steps = Vec::new();
    for id in batch["job_ids"].as_array().unwrap() {
        let record = queue.record(id.as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
        steps.push(record.job.parameters().unwrap().steps);
    }
    assert_eq!(steps, [Some(9), Some(3)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_names_the_place_of_the_image_and_nothing_is_stored() {
    let world = World::new().await;
    let good = || Value::from(picture(40));
    let blank = STANDARD.encode(encode(image::RgbaImage::new(40, 40), ImageFormat::Png));
    let many: Vec<Value> = (0..17).map(|_| good()).collect();
    let cases = [
        (json!({ "images": [good(), good(), good(), blank] }), "image_empty", "images[3]"),
        (json!({ "images": [good(), "AAAA"] }), "unsupported_image", "images[1]"),
        (json!({ "images": [good(), "§"] }), "invalid_base64", "images[1].image"),
        (json!({ "images": [{ "image": picture(40), "steps": 0 }] }), "invalid_parameter", "images[0].steps"),
        (json!({ "images": [good(), { "image": picture(40), "stepz": 1 }] }), "unknown_field", "images[1].stepz"),
        (json!({ "images": [good(), { "steps": 1 }] }), "missing_image", "images[1].image"),
        (json!({ "images": [good(), 7] }), "invalid_parameter", "images[1]"),
        (json!({ "images": [good(), null] }), "invalid_parameter", "images[1]"),
        (json!({ "images": [good()], "steps": 0 }), "invalid_parameter", "steps"),
        (json!({ "images": [] }), "missing_image", "images"),
        (json!({ "steps": 3 }), "missing_image", "images"),
        (json!({ "images": null }), "missing_image", "images"),
        (json!({ "images": "x" }), "invalid_parameter", "images"),
        (json!({ "image": good() }), "unknown_field", "image"),
        (json!({ "images": many }), "batch_too_large", "images"),
    ];
    for (body, code, parameter) in cases {
        let refused = problem(post(&world).json(&body).send().await.unwrap()).await;
        assert_eq!((&refused["code"], &refused["parameter"]), (&code.into(), &parameter.into()), "{refused}");
    }
    for (form, code) in [
        (Form::new().text("steps", "3"), "missing_image"),
        (Form::new().part("images", Part::bytes(png())).text("overrides", "{}"), "invalid_parameter"),
        (Form::new().part("images", Part::bytes(png())).text("overrides", "[null, null]"), "invalid_parameter"),
        (Form::new().part("images", Part::bytes(png())).text("overrides", "[7]"), "invalid_parameter"),
        (Form::new().part("images", Part::bytes(png())).text("overrides", "[{\"image\": \"x\"}]"), "unknown_field"),
        (Form::new().part("images", Part::bytes(png())).text("steps", "1").text("steps", "2"), "duplicate_field"),
    ] {
        let refused = problem(post(&world).multipart(form).send().await.unwrap()).await;
        assert_eq!(refused["code"], code, "{refused}");
    }
    assert_eq!(world.stored(), 0);
    assert_eq!(world.queue().await.depth().await.unwrap().queued, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_field_is_refused_at_any_depth() {
    let world = World::new().await;
    let item = |fields: &str| format!("{{\"images\": [\"{0}\", {{\"image\": \"{0}\"{fields}}}]}}", picture(40));
    let send = async |body: String| post(&world).header("content-type", "application/json").body(body).send().await;
    for fields in [
        ", \"steps\": 3, \"steps\": 3",
        ", \"seed\": 1, \"steps\": 2, \"\\u0073eed\": 1",
        ", \"image\": \"\"",
        ", \"stepz\": 1, \"stepz\": 1",
        ", \"stepz\": {\"a\": 1, \"a\": 1}",
    ] {
        let refused = problem(send(item(fields)).await.unwrap()).await;
        assert!(
            refused["code"] == "invalid_json" && refused["detail"].as_str().unwrap().contains("twice"),
            "{refused}"
        );
    }
    let overrides = Form::new().part("images", Part::bytes(png())).text("overrides", "[{\"steps\": 3, \"steps\": 3}]");
    let refused = problem(post(&world).multipart(overrides).send().await.unwrap()).await;
    assert_eq!((&refused["code"], &refused["parameter"]), (&"invalid_parameter".into(), &"overrides".into()));
    assert_eq!(world.stored(), 0);
    assert_eq!(send(item(", \"steps\": 3")).await.unwrap().status(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_the_whole_batch() {
    let world = World::with(&["--queue-max-depth=2"]).await;
    let body = json!({ "images": [picture(40), picture(50), picture(60)] });
    let refused = post(&world).json(&body).send().await.unwrap();
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(problem(refused).await["code"], "queue_full");
    assert_eq!(world.queue().await.depth().await.unwrap().queued, 0);
    let body = json!({ "images": [picture(40), picture(50)] });
    assert_eq!(post(&world).json(&body).send().await.unwrap().status(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agents_batch_is_made_once_for_each_idempotency_key() {
    let world = World::new().await;
    let agent = Agent::new(&world, "robot", Mode::Live).await;
    let send = async |key: &str, steps: u32| {
        let body = json!({ "images": [picture(40), picture(50)], "steps": steps });
        agent.send(agent.post("/api/agent/batch").header("idempotency-key", key).json(&body)).await
    };
    let first: Value = send("a", 3).await.json().await.unwrap();
    assert_eq!(first["agent_id"], agent.id.as_str());
    assert!(first["self"].as_str().unwrap().starts_with("/api/agent/batch/"));
    let again: Value = send("a", 3).await.json().await.unwrap();
    assert_eq!((&again["batch_id"], &again["job_ids"]), (&first["batch_id"], &first["job_ids"]));
    assert_eq!(problem(send("a", 4).await).await["code"], "idempotency_conflict");
    let other: Value = send("b", 3).await.json().await.unwrap();
    assert_ne!(other["batch_id"], first["batch_id"]);
    assert_eq!(world.queue().await.depth().await.unwrap().queued, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_sent_again_is_charged_for_its_forgotten_jobs_only() {
    test_support::away_from_midnight().await;
    let world = World::with(&["--result-retention=1"]).await;
    let overrides = Overrides { jobs_per_day: Some(4), ..Overrides::default() };
    let (_, key, _) = add(&world, "cyd", Class::User, Mode::Live, overrides).await;
    let body = json!({ "images": [picture(40), picture(50), picture(60)] });
    let send = async || -> Value {
        let request = world.client.post(world.url(BATCH)).bearer_auth(&key).header("idempotency-key", "b");
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    };
    let charged = async || {
        let limits = world.client.get(world.url("/api/v1/limits")).bearer_auth(&key).send().await.unwrap();
        limits.json::<Value>().await.unwrap()["jobs_per_day"]["used"].as_u64().unwrap()
    };
    let first = send().await;
    assert_eq!(charged().await, 3);
    let (queue, job) = (world.queue().await, first["job_ids"][0].as_str().unwrap());
    let cancel = world.client.delete(world.url(&format!("/api/v1/jobs/{job}"))).bearer_auth(&key);
    assert_eq!(cancel.send().await.unwrap().status(), 200);
    let job = job.parse().unwrap();
    let is_forgotten = async || queue.record(job).await.unwrap().is_none();
    test_support::wait_until("the job to be forgotten", std::time::Duration::from_secs(20), is_forgotten).await;
    // The quota has room for one job, and that is what the repeated batch makes.
    assert_eq!(send().await["job_ids"], first["job_ids"]);
    assert_eq!(charged().await, 4);
    assert_eq!(send().await["job_ids"], first["job_ids"], "all are known");
    assert_eq!((charged().await, queue.depth().await.unwrap().queued), (4, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_tenant_may_send_more_than_the_queue_stores_as_one_batch() {
    let world = World::new().await;
    let overrides = Overrides { max_batch_size: Some(100_000), ..Overrides::default() };
    let (_, key, _) = add(&world, "cyd", Class::User, Mode::Live, overrides).await;
    let limits = world.client.get(world.url("/api/v1/limits")).bearer_auth(&key).send().await.unwrap();
    assert_eq!(limits.json::<Value>().await.unwrap()["max_batch_size"], 256);
    let images = vec![picture(40); 257];
    let request = world.client.post(world.url(BATCH)).bearer_auth(&key).json(&json!({ "images": images }));
    let refused = problem(request.send().await.unwrap()).await;
    assert_eq!((&refused["code"], &refused["status"]), (&"batch_too_large".into(), &422.into()), "{refused}");
}

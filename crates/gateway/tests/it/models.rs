//! Models: the list, the choice by name, several views, and jobs that no live worker can run.

use crate::pictures::{disc, encode, png};
use crate::world::{World, problem};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::{Capability, LEVEL, ModelInfo, View, WorkerInfo};
use image::ImageFormat;
use serde_json::{Value, json};
use std::time::Duration;
use test_support::wait_until;

fn worker(name: &str, is_default: bool, multi_view: bool) -> WorkerInfo {
    let model = ModelInfo {
        name: name.to_owned(),
        digest: "d".repeat(64),
        licence: Some("MIT".to_owned()),
        is_default,
        multi_view,
        steps: 30,
        octree_resolution: 64,
        max_octree_resolution: 128,
        ..ModelInfo::default()
    };
    let capability = Capability {
        kind: "image_to_mesh".to_owned(),
        level: LEVEL,
        model: name.to_owned(),
        is_default_model: is_default,
        multi_view,
        max_grid: 128,
    };
    WorkerInfo {
        name: format!("worker-{name}"),
        slots: 1,
        models: vec![model],
        capabilities: vec![capability],
        ..WorkerInfo::default()
    }
}

/// Announces workers until the gateway lists them.
async fn announce(world: &World, workers: &[WorkerInfo]) {
    let queue = world.queue().await;
    wait_until("the gateway to list the workers", Duration::from_secs(30), async || {
        for worker in workers {
            queue.announce(worker).await.unwrap();
        }
        let list: Value = world.get("/api/v1/models").send().await.unwrap().json().await.unwrap();
        list["models"].as_array().unwrap().iter().filter(|model| model["workers"] != 0).count() == workers.len()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_chosen_by_name_and_takes_the_views_that_it_can() {
    let world = World::new().await;
    announce(&world, &[worker("single", true, false), worker("multi", false, true)]).await;
    let list: Value = world.get("/api/v1/models").send().await.unwrap().json().await.unwrap();
    let names: Vec<&str> =
        list["models"].as_array().unwrap().iter().map(|model| model["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["multi", "single"]);
    let single = &list["models"][1];
    assert_eq!(
        (&single["default"], &single["licence"], &single["steps"]),
        (&true.into(), &"MIT".into(), &30.into()),
        "{list}"
    );
    assert!(
        list["parameters"].as_array().unwrap().iter().any(|range| range["name"] == "steps" && range["max"] == 200.0)
    );
    assert!(world.client.get(world.url("/api/v1/models")).send().await.unwrap().status() == 401);

    let image = |side| STANDARD.encode(encode(disc(side), ImageFormat::Png));
    let views = json!({ "back": image(70), "front": { "image": image(64) }, "left": null });
    let queue = world.queue().await;
    let stored = async |request: reqwest::RequestBuilder| {
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert_eq!(status, 202, "{body}");
        let record = queue.record(body["job_id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
        record.job.spec.image_to_mesh().unwrap().clone()
    };
    let spec = stored(world.post().json(&json!({ "images": views, "model": "multi" }))).await;
    assert_eq!(spec.model.as_deref(), Some("multi"));
    assert_eq!(spec.images.iter().map(|image| image.view).collect::<Vec<_>>(), [View::Front, View::Back]);
    let form = reqwest::multipart::Form::new()
        .text("model", "multi")
        .part("images[right]", reqwest::multipart::Part::bytes(png()).file_name("r.png"))
        .part("image", reqwest::multipart::Part::bytes(png()).file_name("f.png"));
    let spec = stored(world.post().multipart(form)).await;
    assert_eq!(spec.images.iter().map(|image| image.view).collect::<Vec<_>>(), [View::Front, View::Right]);
    assert_eq!(stored(world.post_form(&png(), &[])).await.model, None);

    for (body, code, parameter) in [
        (json!({ "image": image(64), "model": "none" }), "unknown_model", "model"),
        (json!({ "images": views }), "model_unsuitable", "images"),
        (json!({ "images": views, "model": "single" }), "model_unsuitable", "images"),
        (json!({ "image": image(64), "octree_resolution": 256 }), "no_worker_fits", "octree_resolution"),
    ] {
        let refused = problem(world.post().json(&body).send().await.unwrap()).await;
        assert_eq!((&refused["code"], &refused["parameter"]), (&code.into(), &parameter.into()), "{refused}");
    }
    // In a batch the error names the place of the image.
    let batch = json!({ "images": [image(64), { "image": image(64), "model": "none" }] });
    let batch = world.client.post(world.url("/api/v1/batch")).bearer_auth(&world.keys[0]).json(&batch);
    let refused = problem(batch.send().await.unwrap()).await;
    assert_eq!(refused["code"], "unknown_model");
    assert!(refused["parameter"].as_str().unwrap().starts_with("images[1]"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_no_live_worker_can_run_says_so() {
    let world = World::with(&["--with-status"]).await;
    let is_warned =
        |body: &Value| body["warnings"].as_array().into_iter().flatten().any(|warning| warning["code"] == "no_worker");
    // Whether the answer to a submission, and the job as it is shown then, have the warning.
    let submit = async || {
        let accepted: Value = world.post_form(&png(), &[]).send().await.unwrap().json().await.unwrap();
        let shown = world.get(accepted["links"]["self"].as_str().unwrap()).send().await.unwrap();
        let shown: Value = shown.json().await.unwrap();
        assert!(!is_warned(&accepted) || accepted.get("eta_seconds").is_none(), "{accepted}");
        [is_warned(&accepted), is_warned(&shown)]
    };
    assert_eq!(submit().await, [true, true], "no worker was ever alive");
    announce(&world, &[worker("single", true, false)]).await;
    assert_eq!(submit().await, [false, false]);
    // The worker is silent from now on.
    wait_until("the worker to count as dead", Duration::from_secs(30), async || submit().await == [true, true]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_model_can_be_configured() {
    let world = World::with(&["--default-model=multi"]).await;
    announce(&world, &[worker("single", true, false), worker("multi", false, true)]).await;
    let list: Value = world.get("/api/v1/models").send().await.unwrap().json().await.unwrap();
    assert_eq!((&list["models"][0]["default"], &list["models"][1]["default"]), (&true.into(), &false.into()), "{list}");
    let views = json!({ "front": STANDARD.encode(png()), "back": STANDARD.encode(png()) });
    assert_eq!(world.post().json(&json!({ "images": views })).send().await.unwrap().status(), 202);
}

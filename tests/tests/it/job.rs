//! A job through nginx: submitted, followed, fetched; and the answers of nginx itself.

use std::time::Duration;
use system_tests::{System, picture};

const LONG: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_picture_becomes_its_mesh_behind_nginx() {
    let system = System::start(1).await;
    let id =
        system.client.submit(picture("mug.png"), &[("steps", "10"), ("seed", "7"), ("octree_resolution", "64")]).await;

    // The events, as they come, until the stream ends by itself.
    let events = system.client.get(&format!("/api/v1/jobs/{id}/events")).send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    let events = tokio::time::timeout(LONG, events.text()).await.unwrap().unwrap();
    for expected in ["\"queued\"", "\"running\"", "denoise", "\"succeeded\""] {
        assert!(events.contains(expected), "{expected} is missing in {events}");
    }

    let job = system.client.wait_for(&id, &["succeeded"], LONG).await;
    assert_eq!(job["result"]["quality"]["watertight"], true, "{job}");
    assert_eq!(job["result"]["seed"], 7);

    let result = system.client.get(&format!("/api/v1/jobs/{id}/result")).send().await.unwrap();
    assert_eq!(result.headers()["content-type"], "model/gltf-binary");
    let etag = result.headers()["etag"].to_str().unwrap().to_owned();
    let mesh = result.bytes().await.unwrap();
    assert_eq!(&mesh[..4], b"glTF");

    let part =
        system.client.get(&format!("/api/v1/jobs/{id}/result")).header("range", "bytes=4-11").send().await.unwrap();
    assert_eq!((part.status(), part.bytes().await.unwrap()), (reqwest::StatusCode::PARTIAL_CONTENT, mesh.slice(4..12)));
    let known =
        system.client.get(&format!("/api/v1/jobs/{id}/result")).header("if-none-match", etag).send().await.unwrap();
    assert_eq!(known.status(), reqwest::StatusCode::NOT_MODIFIED);

    let thumbnail = system.client.get(&format!("/api/v1/jobs/{id}/thumbnail")).send().await.unwrap();
    assert_eq!(thumbnail.headers()["content-type"], "image/png");

    // A finished job cannot be cancelled: DELETE goes to the gateway, which answers 409.
    let again = system.client.delete(&format!("/api/v1/jobs/{id}")).send().await.unwrap();
    assert_eq!(again.status(), reqwest::StatusCode::CONFLICT);
    assert_eq!(system.client.job(&id).await["status"], "succeeded");
}

#[tokio::test]
async fn nginx_answers_in_the_form_of_the_services() {
    let system = System::start(0).await;
    let problem = async |answer: reqwest::Response| -> (u16, String) {
        let status = answer.status().as_u16();
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        let body: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        assert_eq!(body["status"], status);
        (status, body["code"].as_str().unwrap().to_owned())
    };
    let elsewhere = system.client.get("/wp-admin").send().await.unwrap();
    assert_eq!(problem(elsewhere).await.0, 404);

    // Where both services share an address, the methods of both are listed.
    let patch = reqwest::Client::new().patch(format!("{}/api/v1/jobs/mug", system.client.base()));
    let patched = patch.send().await.unwrap();
    assert_eq!(patched.headers()["allow"], "GET, HEAD, PUT, DELETE, OPTIONS");
    assert_eq!(problem(patched).await, (405, "method_not_allowed".to_owned()));

    let large = system.client.post("/api/v1/generate-3d").body(vec![0; 33 << 20]).send().await;
    // nginx may close the connection while the body is still coming: that is an answer too.
    if let Ok(large) = large {
        assert_eq!(problem(large).await.0, 413);
    }

    system.gateway.kill_9();
    let gone = system.client.post("/api/v1/generate-3d").body("{}").send().await.unwrap();
    assert_eq!(gone.headers()["retry-after"], "5");
    assert_eq!(problem(gone).await, (503, "service_unavailable".to_owned()));
}

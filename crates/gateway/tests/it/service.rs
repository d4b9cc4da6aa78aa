//! What every service has: probes, request ids, the OpenAPI document.

use crate::pictures::png;
use crate::world::World;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_is_as_agreed() {
    let world = World::new().await;
    let document: Value = world.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    insta::assert_json_snapshot!("openapi", document);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_document_is_there_and_takes_no_other_method() {
    let world = World::new().await;
    test_support::routes_are_as_described(&world.base).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_answer_without_a_key() {
    let world = World::new().await;
    let get = async |path| world.client.get(world.url(path)).send().await.unwrap();
    assert_eq!(get("/livez").await.status(), 200);
    let ready = get("/readyz").await;
    assert_eq!(ready.status(), 200);
    assert_eq!(ready.json::<Value>().await.unwrap(), serde_json::json!({"ready": true, "queue": true, "blobs": true}));

    world.post_form(&png(), &[]).send().await.unwrap();
    get("/no/such/path").await;
    let metrics = get("/metrics").await.text().await.unwrap();
    for line in [
        "orfeas_jobs_submitted_total{outcome=\"new\"} ",
        "orfeas_queue_depth{class=\"user\",state=\"queued\"} ",
        "orfeas_queue_depth{class=\"agent\",state=\"running\"} 0",
        "orfeas_http_requests_total{method=\"POST\",route=\"/api/v1/generate-3d\",status=\"202\"} ",
        "orfeas_http_requests_total{method=\"GET\",route=\"unmatched\",status=\"404\"} ",
        "orfeas_http_problems_total{code=\"route_not_found\"} ",
        "orfeas_picture_check_seconds_count ",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn request_ids_are_taken_over_if_they_are_plain() {
    let world = World::new().await;
    let id = async |given: &str| {
        let answer = world.get("/livez").header("x-request-id", given).send().await.unwrap();
        answer.headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id("order-66.b_7").await, "order-66.b_7");
    for strange in ["", "a b", "<script>", &"a".repeat(65)] {
        let made = id(strange).await;
        assert!(made != strange && made.len() == 36, "{made}");
    }
}

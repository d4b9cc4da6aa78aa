//! The OpenAPI document, metrics and readiness of this service.

use crate::world::World;
use domain::MeshFormat;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_is_as_agreed() {
    let world = World::new().await;
    let document: Value = world.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    insta::assert_json_snapshot!("openapi", document);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_of_the_document_is_there_and_takes_no_other_method() {
    let world = World::new().await;
    test_support::routes_are_as_described(&world.base).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn served_bytes_and_streams_are_counted() {
    let world = World::new().await;
    let (job, _) = world.succeeded(MeshFormat::GLB, b"glTF").await;
    world.get_job(job, "/result").send().await.unwrap().bytes().await.unwrap();
    world.get_job(job, "/events").send().await.unwrap().text().await.unwrap();
    let metrics = world.get("/metrics").send().await.unwrap().text().await.unwrap();
    for line in [
        "orfeas_served_bytes_total{kind=\"mesh\"} ",
        "orfeas_http_requests_total{method=\"GET\",route=\"/api/v1/jobs/{job_id}/result\",status=\"200\"} ",
        "orfeas_event_streams ",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_ready_without_writing_a_blob() {
    let world = World::new().await;
    let ready = world.client.get(world.url("/readyz")).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    assert_eq!(std::fs::read_dir(world.directory.path().join("blobs")).unwrap().count(), 0);
}

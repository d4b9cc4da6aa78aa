//! Stores that are unavailable, and shutdown.

use crate::world::{World, problem, until};
use domain::MeshFormat;
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_requests_fail_and_recovery_is_automatic() {
    let world = World::new().await;
    let job = world.submit().await;
    world.redis.stop();
    for below in ["", "/events", "/result"] {
        let answer = world.get_job(job, below).send().await.unwrap();
        assert_eq!(answer.headers()["retry-after"], "2");
        let body = problem(answer).await;
        assert_eq!((&body["status"], &body["code"]), (&503.into(), &"queue_unavailable".into()), "{below}");
    }
    assert_eq!(world.get("/livez").send().await.unwrap().status(), 200);
    assert_eq!(world.get("/readyz").send().await.unwrap().status(), 503);
    world.redis.restart();
    let back = async || world.get_job(job, "").send().await.unwrap().status() == 200;
    test_support::wait_until("it to answer again", Duration::from_secs(30), back).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_damaged_on_the_way_is_not_taken_for_whole() {
    let world = World::new().await;
    let mesh = vec![7; 3_000_000];
    let (job, result) = world.succeeded(MeshFormat::GLB, &mesh).await;
    let answer = world.get_job(job, "/result").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    // The client is slow, and the file is deleted meanwhile.
    world.blobs.remove(&result.artifacts[0].blob).await.unwrap();
    match answer.bytes().await {
        // The rest may have been sent already.
        Ok(bytes) => assert!(bytes == mesh),
        Err(error) => assert!(error.is_body() || error.is_decode(), "{error:?}"),
    }
    assert_eq!(world.get("/livez").send().await.unwrap().status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn open_streams_end_when_it_stops() {
    let world = World::new().await;
    let job = world.submit().await;
    let mut answer = world.get_job(job, "/events").send().await.unwrap();
    until(&mut answer, "event: state").await;
    tokio::time::timeout(Duration::from_secs(20), world.server.stop()).await.expect("it stops in time").unwrap();
    while answer.chunk().await.unwrap().is_some() {}
}

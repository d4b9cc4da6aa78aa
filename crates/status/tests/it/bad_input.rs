//! Requests that must be refused.

use crate::world::{World, job, problem};
use domain::MeshFormat;
use reqwest::RequestBuilder;

const UNKNOWN: &str = "/api/v1/jobs/01996bd4-79c1-7f54-a4f5-1f7a8a1b8a10";

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_request_has_its_own_answer() {
    let world = World::new().await;
    let (ended, _) = world.succeeded(MeshFormat::GLB, b"0123456789").await;
    let waiting = world.submit().await;
    let theirs = job(&world.owners[1]);
    world.queue.submit(&theirs.clone().into()).await.unwrap();
    let get = |path: String| world.get(&path);
    let bare = |path: &str| world.client.get(world.url(path));
    let mut cases: Vec<(RequestBuilder, u16, &str)> = vec![
        (world.get("/api/v1/jobs?state=done"), 422, "invalid_parameter"),
        (world.get("/api/v1/jobs?limit=0"), 422, "invalid_parameter"),
        (world.get("/api/v1/jobs?limit=101"), 422, "invalid_parameter"),
        (world.get("/api/v1/jobs?cursor=x"), 422, "invalid_parameter"),
        (world.get("/api/v1/jobs?page=2"), 400, "unknown_field"),
        (world.get("/api/v1/jobs?limit=1&limit=2"), 400, "duplicate_field"),
        (world.get("/api/v1/batch/x"), 400, "invalid_batch_id"),
        (world.get("/api/v1/batch/01996bd4-79c1-7f54-a4f5-1f7a8a1b8a10"), 404, "batch_not_found"),
        (world.get("/api/agent/jobs"), 403, "wrong_api"),
        (world.client.get(world.url("/api/agent/jobs")), 401, "missing_signature"),
        (world.get("/api/v1/jobs/x/y"), 404, "route_not_found"),
        (world.client.post(world.url(UNKNOWN)), 405, "method_not_allowed"),
        (world.get_job(waiting, "/result"), 409, "result_not_ready"),
        (world.get_job(waiting, "/thumbnail"), 409, "result_not_ready"),
        (world.get_job(ended, "/events").header("last-event-id", "x"), 400, "invalid_event_id"),
        (world.get_job(ended, "/events").header("last-event-id", "-1"), 400, "invalid_event_id"),
        (world.get_job(ended, "/result").header("range", "bytes=10-"), 416, "range_not_satisfiable"),
        (world.get_job(ended, "/result").header("range", "bytes=-0"), 416, "range_not_satisfiable"),
    ];
    for below in ["", "/events", "/result", "/thumbnail"] {
        cases.extend([
            (bare(&format!("{UNKNOWN}{below}")), 401, "missing_key"),
            (bare(&format!("{UNKNOWN}{below}")).bearer_auth("orf_live_wrong"), 401, "unknown_key"),
            (bare(&format!("{UNKNOWN}{below}")).header("authorization", "Basic x"), 401, "invalid_authorization"),
            (get(format!("{UNKNOWN}{below}")), 404, "job_not_found"),
            (get(format!("/api/v1/jobs/{}{below}", theirs.id)), 404, "job_not_found"),
            (get(format!("/api/v1/jobs/a-name-of-no-job{below}")), 404, "job_not_found"),
            (get(format!("/api/v1/jobs/a%20b{below}")), 400, "invalid_job_id"),
            (get(format!("/api/v1/jobs/..%2f..%2fetc{below}")), 400, "invalid_job_id"),
        ]);
    }
    for (request, status, code) in cases {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let name = format!("{} {}", request.method(), request.url());
        let is_head = request.method() == "HEAD";
        let answer = client.execute(request).await.unwrap();
        if is_head {
            assert_eq!(answer.status(), status, "{name}");
            continue;
        }
        let body = problem(answer).await;
        assert_eq!(
            (body["status"].as_u64(), body["code"].as_str()),
            (Some(status.into()), Some(code)),
            "{name}: {body}"
        );
    }
    assert_eq!(world.get("/livez").send().await.unwrap().status(), 200);
}

//! Files: whole, in part, and 304 when the client has them.

use crate::world::{World, problem};
use domain::{Failure, MeshFormat};
use reqwest::Method;

/// More than one chunk; each byte depends on its offset.
fn large() -> Vec<u8> {
    (0..2_500_000_u32).map(|n| (n % 251) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_format_comes_with_its_type_and_name() {
    let world = World::new().await;
    for (format, media_type, extension) in [
        (MeshFormat::GLB, "model/gltf-binary", "glb"),
        (MeshFormat::OBJ, "model/obj", "obj"),
        (MeshFormat::STL, "model/stl", "stl"),
    ] {
        let (job, result) = world.succeeded(format, extension.as_bytes()).await;
        let answer = world.get_job(job, "/result").send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let header = |name| answer.headers()[name].to_str().unwrap();
        assert_eq!(header("content-type"), media_type);
        assert_eq!(header("content-disposition"), format!("attachment; filename=\"{job}.{extension}\""));
        assert_eq!(header("etag"), format!("\"{}\"", result.artifacts[0].blob));
        assert_eq!((header("accept-ranges"), header("x-content-type-options")), ("bytes", "nosniff"));
        assert_eq!(answer.bytes().await.unwrap(), extension);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_comes_whole_or_in_parts() {
    let world = World::new().await;
    let mesh = large();
    let (job, result) = world.succeeded(MeshFormat::GLB, &mesh).await;
    let whole = world.get_job(job, "/result").send().await.unwrap();
    assert_eq!(whole.content_length(), Some(mesh.len() as u64));
    assert!(whole.bytes().await.unwrap() == mesh);

    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=5-1048580", 5, 1_048_581),
        ("bytes=2499999-", 2_499_999, 2_500_000),
        ("bytes=-10", 2_499_990, 2_500_000),
        ("bytes=-9999999", 0, 2_500_000),
        ("bytes=7-99999999", 7, 2_500_000),
    ] {
        let part = world.get_job(job, "/result").header("range", range).send().await.unwrap();
        assert_eq!(part.status(), 206, "{range}");
        assert_eq!(part.headers()["content-range"], format!("bytes {from}-{}/2500000", to - 1));
        assert!(part.bytes().await.unwrap() == mesh[from..to], "{range}");
    }
    // A range that is invalid or not supported is ignored, and the whole file is sent.
    for range in ["bytes=0-1,5-6", "bytes=x", "lines=1-2", "bytes=9-3"] {
        let whole = world.get_job(job, "/result").header("range", range).send().await.unwrap();
        assert_eq!((whole.status().as_u16(), whole.content_length()), (200, Some(2_500_000)), "{range}");
    }
    // A range of an older file is ignored.
    for (tag, status) in [
        (format!("\"{}\"", result.artifacts[0].blob), 206),
        ("\"other\"".to_owned(), 200),
        (format!("W/\"{}\"", result.artifacts[0].blob), 200),
    ] {
        let request = world.get_job(job, "/result").header("range", "bytes=0-9").header("if-range", &tag);
        assert_eq!(request.send().await.unwrap().status(), status, "{tag}");
    }
    let beyond = world.get_job(job, "/result").header("range", "bytes=2500000-").send().await.unwrap();
    assert_eq!(beyond.headers()["content-range"], "bytes */2500000");
    assert_eq!(problem(beyond).await["code"], "range_not_satisfiable");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_the_client_has_is_not_sent_again() {
    let world = World::new().await;
    let (job, result) = world.succeeded(MeshFormat::GLB, b"glTF").await;
    let tag = format!("\"{}\"", result.artifacts[0].blob);
    for known in [tag.clone(), format!("\"x\", {tag}"), format!("W/{tag}"), "*".to_owned()] {
        let answer = world.get_job(job, "/result").header("if-none-match", &known).send().await.unwrap();
        assert_eq!(answer.status(), 304, "{known}");
        assert_eq!(answer.headers()["etag"], tag.as_str());
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    let answer = world.get_job(job, "/result").header("if-none-match", "\"x\"").send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn head_has_the_headers_of_get_and_no_body() {
    let world = World::new().await;
    let (job, _) = world.succeeded(MeshFormat::GLB, &large()).await;
    for (below, length) in [("/result", "2500000"), ("/thumbnail", "15")] {
        let url = world.url(&format!("/api/v1/jobs/{job}{below}"));
        let answer = world.client.request(Method::HEAD, url).bearer_auth(&world.keys[0]).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["content-length"]), (200, &length.parse().unwrap()));
        assert!(answer.headers().contains_key("etag") && answer.headers().contains_key("content-type"));
        assert!(answer.bytes().await.unwrap().is_empty());
    }
    // The connection can be used again.
    assert_eq!(world.get("/livez").send().await.unwrap().text().await.unwrap(), "alive\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_thumbnail_is_shown_and_not_saved() {
    let world = World::new().await;
    let (job, result) = world.succeeded(MeshFormat::GLB, b"glTF").await;
    let answer = world.get_job(job, "/thumbnail").send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.headers()["etag"], format!("\"{}\"", result.artifacts[1].blob));
    assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("inline"));
    assert_eq!(answer.bytes().await.unwrap(), "a small picture");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_without_a_result_say_why() {
    let world = World::new().await;
    let (job, lease) = world.running().await;
    let answer = world.get_job(job, "/result").send().await.unwrap();
    assert_eq!(answer.headers()["retry-after"], "2");
    let body = problem(answer).await;
    assert_eq!((&body["status"], &body["code"]), (&409.into(), &"result_not_ready".into()));

    let failure = Failure { code: "no_surface".into(), detail: "There is no surface.".into(), retryable: false };
    lease.fail(&failure).await.unwrap();
    let mut body = problem(world.get_job(job, "/result").send().await.unwrap()).await;
    assert_eq!((&body["status"], &body["code"]), (&410.into(), &"job_failed".into()));
    body["request_id"] = "-".into();
    insta::assert_json_snapshot!("problem_job_failed", body);

    let job = world.submit().await;
    world.queue.cancel(job).await.unwrap();
    let body = problem(world.get_job(job, "/thumbnail").send().await.unwrap()).await;
    assert_eq!((&body["status"], &body["code"]), (&410.into(), &"job_cancelled".into()));

    let (job, _) = world.succeeded(MeshFormat::GLB, b"glTF").await;
    world.blobs.collect_garbage(std::time::SystemTime::now(), |_| false).await.unwrap();
    for below in ["/result", "/thumbnail"] {
        let body = problem(world.get_job(job, below).send().await.unwrap()).await;
        assert_eq!((&body["status"], &body["code"]), (&410.into(), &"result_gone".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_artifact_has_an_address_and_the_old_ones_stay() {
    let world = World::new().await;
    let (job, _) = world.succeeded(MeshFormat::STL, &large()).await;
    for (alias, role) in [("/result", "/artifacts/mesh"), ("/thumbnail", "/artifacts/thumbnail")] {
        for headers in [&[][..], &[("range", "bytes=1-3")], &[("if-none-match", "*")]] {
            let ask = async |below| {
                let request = world.get_job(job, below);
                headers
                    .iter()
                    .fold(request, |request, (name, value)| request.header(*name, *value))
                    .send()
                    .await
                    .unwrap()
            };
            let (one, other) = (ask(alias).await, ask(role).await);
            assert_eq!(one.status(), other.status(), "{role} {headers:?}");
            for name in ["etag", "content-type", "content-disposition", "content-range", "content-length"] {
                assert_eq!(one.headers().get(name), other.headers().get(name), "{role} {name}");
            }
            assert!(one.bytes().await.unwrap() == other.bytes().await.unwrap());
        }
    }
    let view = world.view(job).await;
    assert_eq!(view["artifacts"][0]["url"], format!("/api/v1/jobs/{job}/artifacts/mesh"));
    for role in ["texture", "%22%0a", &"x".repeat(3000)] {
        let body = problem(world.get_job(job, &format!("/artifacts/{role}")).send().await.unwrap()).await;
        assert_eq!((&body["code"], &body["status"]), (&"artifact_not_found".into(), &404.into()));
        assert!(body["detail"].as_str().unwrap().contains("mesh, thumbnail"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mesh_is_compressed_for_clients_that_accept_it() {
    let world = World::new().await;
    let mesh = large();
    let (job, result) = world.succeeded(MeshFormat::OBJ, &mesh).await;
    let strong = format!("\"{}\"", result.artifacts[0].blob);
    let gzip = || world.get_job(job, "/result").header("accept-encoding", "gzip");
    let answer = gzip().send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["content-encoding"]), (200, &"gzip".parse().unwrap()));
    // Compressed bytes have a weak tag of the same content.
    assert_eq!(answer.headers()["etag"], format!("W/{strong}"));
    assert_eq!(answer.headers()["vary"], "accept-encoding");
    let compressed = answer.bytes().await.unwrap();
    let mut whole = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&compressed[..]), &mut whole).unwrap();
    assert!(compressed.len() < mesh.len() / 4 && whole == mesh, "{}", compressed.len());
    // The tag is known in both forms.
    for tag in [format!("W/{strong}"), strong.clone()] {
        assert_eq!(gzip().header("if-none-match", &tag).send().await.unwrap().status(), 304, "{tag}");
    }
    // A range is one of the file itself.
    let part = gzip().header("range", "bytes=5-9").send().await.unwrap();
    assert_eq!((part.status().as_u16(), part.headers().get("content-encoding")), (206, None));
    assert_eq!(part.headers()["etag"], strong.as_str());
    assert!(part.bytes().await.unwrap() == mesh[5..10]);
    // A weak tag does not validate a range, so the whole file is sent.
    let stale = gzip().header("range", "bytes=5-9").header("if-range", format!("W/{strong}")).send().await.unwrap();
    assert_eq!((stale.status().as_u16(), stale.headers().get("content-encoding")), (200, None));
    let head = world.client.head(world.url(&format!("/api/v1/jobs/{job}/result"))).bearer_auth(&world.keys[0]);
    let head = head.header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!((head.status().as_u16(), &head.headers()["content-encoding"]), (200, &"gzip".parse().unwrap()));
    // PNG is compressed already.
    let thumbnail = world.get_job(job, "/thumbnail").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(thumbnail.headers().get("content-encoding"), None);
}

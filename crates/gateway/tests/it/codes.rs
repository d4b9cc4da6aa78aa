//! Every code of the table is expected by a test; here are those that no other test produces.

use crate::agents::add;
use crate::pictures::{disc, encode, png};
use crate::world::{World, problem};
use access::{Mode, Overrides};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::Class;
use image::ImageFormat;
use serde_json::{Value, json};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_whole_quota_has_a_code_of_its_own() {
    let world = World::new().await;
    let (small, large) = (STANDARD.encode(png()), STANDARD.encode(encode(disc(1100), ImageFormat::Png)));
    let none = Overrides::default();
    for (name, overrides, images, detail) in [
        (
            "a",
            Overrides { jobs_per_day: Some(1), ..none },
            json!([small, small]),
            "2 exceeds the quota of 1 jobs per day",
        ),
        (
            "b",
            Overrides { megapixels_per_day: Some(1), ..none },
            json!([large]),
            "2 exceeds the quota of 1 megapixels per day",
        ),
        (
            "c",
            Overrides { requests_per_minute: Some(1), ..none },
            json!([small, small]),
            "2 exceeds the quota of 1 jobs per minute",
        ),
    ] {
        let (_, key, _) = add(&world, name, Class::User, Mode::Live, overrides).await;
        let request = world.client.post(world.url("/api/v1/batch")).bearer_auth(key).json(&json!({ "images": images }));
        let refused = problem(request.send().await.unwrap()).await;
        assert_eq!((&refused["code"], &refused["retryable"]), (&"beyond_quota".into(), &false.into()), "{refused}");
        assert_eq!(refused["detail"], format!("{detail}."));
    }
    assert_eq!(world.stored(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_internal_error_reveals_no_details() {
    let world = World::new().await;
    let job: Value = world.post_form(&png(), &[]).send().await.unwrap().json().await.unwrap();
    let job = job["job_id"].as_str().unwrap();
    let mut redis = TcpStream::connect(world.redis.address()).await.unwrap();
    redis.write_all(format!("HSET orfeas:{{queue}}:job:{job} state odd\r\n").as_bytes()).await.unwrap();
    redis.read_exact(&mut [0; 4]).await.unwrap();
    let broken = problem(world.delete(job, 0).send().await.unwrap()).await;
    assert_eq!((&broken["code"], &broken["status"]), (&"internal".into(), &500.into()));
    let text = broken.to_string().to_lowercase();
    assert!(!text.contains("redis") && !text.contains("odd") && !text.contains("corrupt"), "{text}");
}

/// A test that names a code expects it in a response. (Scenarios of test keys produce every code too, but simulate it.)
#[test]
fn every_code_is_expected_by_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut tests = String::new();
    for folder in ["crates/gateway/tests", "crates/status/tests", "crates/http-api/tests", "tests/tests"] {
        read(&root.join(folder), &mut tests);
    }
    // Refusals of the framework are tested where they are mapped to problems.
    let middleware = std::fs::read_to_string(root.join("crates/http-api/src/middleware.rs")).unwrap();
    tests.push_str(middleware.split_once("mod tests").unwrap().1);
    let missing: Vec<&str> = http_api::codes::ALL.iter().map(|kind| kind.code).collect();
    let missing: Vec<&str> = missing.into_iter().filter(|code| !tests.contains(&format!("\"{code}\""))).collect();
    assert!(missing.is_empty(), "no test expects {missing:?}");
}

fn read(folder: &Path, into: &mut String) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, into);
        } else if path.extension().is_some_and(|end| end == "rs") {
            into.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

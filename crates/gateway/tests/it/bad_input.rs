//! Bad input: each kind is refused with its own code, and leaves nothing behind.

use crate::pictures::*;
use crate::world::{GENERATE, World, problem};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, RgbImage, RgbaImage};
use reqwest::RequestBuilder;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

type Case = (&'static str, RequestBuilder, u16, &'static str);

fn picture_cases(world: &World) -> Vec<Case> {
    let image = |bytes: Vec<u8>| world.post_form(&bytes, &[]);
    let (png, jpeg, webp) = (png(), jpeg(), webp());
    let mut flipped = png.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0x55;
    let mut cut_end_marker = jpeg.clone();
    cut_end_marker.truncate(jpeg.len() - 60);
    vec![
        ("text", image(b"hello, I am a cat".to_vec()), 415, "unsupported_image"),
        ("GIF", image(b"GIF89a\x01\x00\x01\x00\x00\x00\x00;".to_vec()), 415, "unsupported_image"),
        ("SVG", image(b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()), 415, "unsupported_image"),
        (
            "BMP",
            image(encode(noise(32, 32), ImageFormat::Png).into_iter().fold(b"BM".to_vec(), |mut v, b| {
                v.push(b);
                v
            })),
            415,
            "unsupported_image",
        ),
        ("PDF", image(b"%PDF-1.7 ...".to_vec()), 415, "unsupported_image"),
        ("a mesh", image(b"glTF\x02\x00\x00\x00".to_vec()), 415, "unsupported_image"),
        ("HEIC", image(b"\x00\x00\x00\x18ftypheic".to_vec()), 415, "unsupported_image"),
        ("eight bytes of a PNG", image(png[..8].to_vec()), 422, "image_corrupt"),
        ("half a PNG", image(png[..png.len() / 2].to_vec()), 422, "image_corrupt"),
        ("a PNG with a flipped byte", image(flipped), 422, "image_corrupt"),
        ("half a JPEG", image(jpeg[..jpeg.len() / 2].to_vec()), 422, "image_corrupt"),
        ("a JPEG without its end and its last pixels", image(cut_end_marker), 422, "image_corrupt"),
        ("three bytes of a JPEG", image(jpeg[..3].to_vec()), 422, "image_corrupt"),
        ("half a WebP", image(webp[..webp.len() / 2].to_vec()), 422, "image_corrupt"),
        ("a strip", image(png_header(16_384, 16)), 422, "image_too_thin"),
        ("a long side", image(png_header(16_385, 1200)), 422, "image_too_large"),
        ("1 x 1", image(encode(RgbImage::new(1, 1), ImageFormat::Png)), 422, "image_too_small"),
        ("a line", image(encode(noise(300, 15), ImageFormat::Jpeg)), 422, "image_too_small"),
        ("a small WebP", image(encode(disc(8), ImageFormat::WebP)), 422, "image_too_small"),
        ("no size at all", image(png_header(0, 0)), 422, "image_too_small"),
        ("the header of 20000 x 20000", image(png_header(20_000, 20_000)), 422, "image_too_large"),
        ("the header of 2^31 x 2^31", image(png_header(1 << 31, 1 << 31)), 422, "image_too_large"),
        ("a JPEG that claims 65000 x 65000", image(jpeg_claiming(65_000, 65_000)), 422, "image_too_large"),
        ("an animated PNG", image(apng(2)), 422, "image_animated"),
        ("an animated WebP", image(animated_webp(2)), 422, "image_animated"),
        ("transparent", image(encode(RgbaImage::new(40, 40), ImageFormat::Png)), 422, "image_empty"),
        ("transparent grey", image(transparent_grey()), 422, "image_empty"),
        ("one dot", image(dots(&[(5, 5)])), 422, "image_empty"),
        ("a row of dots", image(dots(&[(5, 5), (9, 5)])), 422, "image_empty"),
        ("a column of dots", image(dots(&[(5, 5), (5, 9)])), 422, "image_empty"),
        ("an empty file", image(Vec::new()), 400, "missing_image"),
    ]
}

fn parameter_cases(world: &World) -> Vec<Case> {
    let png = png();
    let form = |name, value: &str| world.post_form(&png, &[(name, value)]);
    let json = |name: &str, value: Value| world.post().json(&json!({ "image": STANDARD.encode(&png), name: value }));
    let mut cases = vec![
        ("an unknown field in a form", form("stepz", "3"), 400, "unknown_field"),
        ("an unknown field in JSON", json("prompt", json!("a cat")), 400, "unknown_field"),
        ("a field twice", world.post_form(&png, &[("steps", "3"), ("steps", "4")]), 400, "duplicate_field"),
        ("an unknown format", form("format", "fbx"), 422, "invalid_parameter"),
        ("a format that is a number", json("format", json!(1)), 422, "invalid_parameter"),
        ("maybe for true", form("cache", "maybe"), 422, "invalid_parameter"),
        ("two for true", json("cache", json!(2)), 422, "invalid_parameter"),
        ("a list for true", json("cache", json!([true])), 422, "invalid_parameter"),
        ("a model that is a number", json("model", json!(1)), 422, "invalid_parameter"),
        ("a very long model", json("model", json!("m".repeat(200))), 422, "invalid_parameter"),
        ("a model with a line feed", json("model", json!("a\nb")), 422, "invalid_parameter"),
        ("a model with a slash", json("model", json!("a/b")), 422, "invalid_parameter"),
        ("images as a list", json("images", json!(["AAAA"])), 422, "invalid_parameter"),
        ("an unknown view", json("images", json!({ "top": "AAAA" })), 422, "invalid_parameter"),
        ("the front twice", json("images", json!({ "front": STANDARD.encode(&png) })), 400, "duplicate_field"),
        ("a long text", form("steps", &"9".repeat(100)), 422, "invalid_parameter"),
    ];
    // Each end of each range, and one beyond it.
    let beyond = [
        ("steps", ["0", "201"]),
        ("guidance_scale", ["-0.1", "20.1"]),
        ("seed", ["-1", "9007199254740992"]),
        ("octree_resolution", ["15", "513"]),
        ("face_budget", ["99", "5000001"]),
    ];
    for (name, values) in beyond {
        for value in values {
            cases.push(("out of range in a form", form(name, value), 422, "invalid_parameter"));
            let value = serde_json::from_str(value).unwrap();
            cases.push(("out of range in JSON", json(name, value), 422, "invalid_parameter"));
        }
        for value in ["NaN", "inf", "three", "0x10", "1 1", "1,5", "true", "++1"] {
            cases.push(("not a number in a form", form(name, value), 422, "invalid_parameter"));
        }
        for value in [json!("seven"), json!(true), json!([1]), json!({})] {
            cases.push(("not a number in JSON", json(name, value), 422, "invalid_parameter"));
        }
    }
    for name in ["steps", "seed", "octree_resolution", "face_budget"] {
        cases.push(("a fraction", form(name, "110.5"), 422, "invalid_parameter"));
        cases.push(("a fraction in JSON", json(name, json!(110.5)), 422, "invalid_parameter"));
        cases.push(("far too much", json(name, json!(u64::MAX)), 422, "invalid_parameter"));
    }
    cases
}

fn body_cases(world: &World) -> Vec<Case> {
    let png = png();
    let raw = |kind: &'static str, body: Vec<u8>| world.post().header(CONTENT_TYPE, kind).body(body);
    let image = |text: &str| world.post().json(&json!({ "image": text }));
    let part = || Part::bytes(png.clone());
    let base64 = STANDARD.encode(&png);
    let deep = format!("{{\"image\": {}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let unclosed = "--x\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nabc";
    vec![
        ("no body", world.post(), 400, "empty_body"),
        ("no bytes of JSON", raw("application/json", vec![]), 400, "empty_body"),
        ("no content type", world.post().body(png.clone()), 415, "unsupported_content_type"),
        ("the picture itself", raw("image/png", png.clone()), 415, "unsupported_content_type"),
        ("a web form", raw("application/x-www-form-urlencoded", b"image=1".to_vec()), 415, "unsupported_content_type"),
        ("broken JSON", raw("application/json", b"{\"image\": ".to_vec()), 400, "invalid_json"),
        ("JSON that is no object", raw("application/json", b"[1, 2]".to_vec()), 400, "invalid_json"),
        ("NaN in JSON", raw("application/json", b"{\"guidance_scale\": NaN}".to_vec()), 400, "invalid_json"),
        ("1e999 in JSON", raw("application/json", b"{\"guidance_scale\": 1e999}".to_vec()), 400, "invalid_json"),
        ("JSON that is not UTF-8", raw("application/json", b"{\"image\": \"\xff\"}".to_vec()), 400, "invalid_json"),
        (
            "a field twice in JSON",
            raw("application/json", b"{\"steps\": 3, \"steps\": 4}".to_vec()),
            400,
            "invalid_json",
        ),
        (
            "an unknown field twice in JSON",
            raw("application/json", b"{\"image\": \"\", \"x\": 3, \"x\": 3}".to_vec()),
            400,
            "invalid_json",
        ),
        ("JSON too deep", raw("application/json", deep.into_bytes()), 400, "invalid_json"),
        ("JSON without a picture", world.post().json(&json!({ "steps": 3 })), 400, "missing_image"),
        ("an image that is null", world.post().json(&json!({ "image": null })), 400, "missing_image"),
        ("a picture that is empty", image(""), 400, "missing_image"),
        ("a picture that is a number", world.post().json(&json!({ "image": 3 })), 422, "invalid_parameter"),
        ("not base64", image("§§§"), 400, "invalid_base64"),
        ("half a base64", image(&base64[..base64.len() - 3]), 400, "invalid_base64"),
        ("a data URI without data", image("data:image/png;base64"), 400, "invalid_base64"),
        ("a data URI of three letters", image("data:image/png,abc"), 415, "unsupported_image"),
        ("a data URI of text", image("data:text/plain;base64,aGVsbG8="), 415, "unsupported_image"),
        ("a data URI of a GIF", image("data:image/gif;base64,R0lGODlh"), 415, "unsupported_image"),
        ("a URL", image("https://example.org/cat.png"), 400, "invalid_base64"),
        ("a path", image("cat.png"), 400, "invalid_base64"),
        ("a form without a picture", world.post().multipart(Form::new().text("steps", "3")), 400, "missing_image"),
        (
            "two pictures",
            world.post().multipart(Form::new().part("image", part()).part("image", part())),
            400,
            "duplicate_field",
        ),
        ("a form without a boundary", raw("multipart/form-data", b"abc".to_vec()), 400, "invalid_multipart"),
        ("a form that is not one", raw("multipart/form-data; boundary=x", b"abc".to_vec()), 400, "invalid_multipart"),
        ("a form that ends early", raw("multipart/form-data; boundary=x", unclosed.into()), 400, "invalid_multipart"),
        ("too large", raw("application/json", vec![b' '; 300_000]), 413, "body_too_large"),
        ("too large a picture", world.post_form(&vec![0; 300_000], &[]), 413, "body_too_large"),
    ]
}

fn access_cases(world: &World) -> Vec<Case> {
    let generate = || world.client.post(world.url(GENERATE));
    let key = &world.keys[0];
    let with = |value: &str| generate().header(AUTHORIZATION, value);
    let job = "/api/v1/jobs/01996bd4-79c1-7f54-a4f5-1f7a8a1b8a10";
    let delete = |path: &str| world.client.delete(world.url(path)).bearer_auth(key);
    vec![
        ("no key", generate(), 401, "missing_key"),
        ("no key for a job", world.client.delete(world.url(job)), 401, "missing_key"),
        ("a wrong key", generate().bearer_auth("orf_live_wrong"), 401, "unknown_key"),
        ("a key of another kind", generate().bearer_auth("sk-1234"), 401, "unknown_key"),
        ("the name of a key", generate().bearer_auth(&key[..20]), 401, "unknown_key"),
        ("basic authentication", generate().basic_auth("ada", Some("secret")), 401, "invalid_authorization"),
        ("only the word", with("Bearer"), 401, "invalid_authorization"),
        ("only the word and a space", with("Bearer  "), 401, "invalid_authorization"),
        ("a bare key", with(key), 401, "invalid_authorization"),
        ("two keys", with(&format!("Bearer {key} {key}")), 401, "invalid_authorization"),
        (
            "two headers",
            generate().header(AUTHORIZATION, "Bearer a").header(AUTHORIZATION, "Bearer b"),
            401,
            "invalid_authorization",
        ),
        ("an unknown route", world.get("/api/v1/nothing"), 404, "route_not_found"),
        ("a wrong method", world.get(GENERATE), 405, "method_not_allowed"),
        ("a wrong method for a job", world.client.get(world.url(job)), 405, "method_not_allowed"),
        ("an unknown job", delete(job), 404, "job_not_found"),
        ("a name of no job", delete("/api/v1/jobs/42"), 404, "job_not_found"),
        (
            "a job id in capitals",
            delete(&job.to_uppercase().replace("/API/V1/JOBS", "/api/v1/jobs")),
            404,
            "job_not_found",
        ),
        ("a path for a job id", delete("/api/v1/jobs/..%2f..%2fetc%2fpasswd"), 400, "invalid_job_id"),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_bad_input_has_its_own_answer_and_leaves_nothing() {
    let world = World::with(&["--max-body-bytes=200000"]).await;
    let mut cases = picture_cases(&world);
    cases.extend(parameter_cases(&world));
    cases.extend(body_cases(&world));
    cases.extend(access_cases(&world));
    assert!(cases.len() > 100, "{}", cases.len());
    let mut wrong = Vec::new();
    for (name, request, status, code) in cases {
        let answer = problem(request.send().await.unwrap_or_else(|error| panic!("{name}: {error:?}"))).await;
        if (answer["status"].as_u64(), answer["code"].as_str()) != (Some(status.into()), Some(code)) {
            wrong.push(format!("{name}: wanted {status} {code}, got {answer}"));
        }
        assert!(world.get("/livez").send().await.unwrap().status().is_success(), "dead after {name}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(world.stored(), 0, "nothing of a refused request is kept");
    assert_eq!(world.queue().await.depth().await.unwrap().queued, 0);
    let good = world.post_form(&png(), &[]).send().await.unwrap();
    assert_eq!(good.status(), 202, "{}", good.text().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_method_gets_the_allowed_ones() {
    let world = World::new().await;
    let answer = world.get(GENERATE).send().await.unwrap();
    assert_eq!(answer.headers()["allow"], "POST, OPTIONS");
    let answer = world.client.post(world.url(GENERATE)).send().await.unwrap();
    assert_eq!(answer.headers()["www-authenticate"], "Bearer");
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_have_this_form() {
    let world = World::new().await;
    let mut body = problem(world.post_form(&png(), &[("steps", "0")]).send().await.unwrap()).await;
    body["request_id"] = "-".into();
    insta::assert_json_snapshot!("problem_invalid_parameter", body);
    let empty = encode(RgbaImage::new(40, 40), ImageFormat::Png);
    let mut body = problem(world.post_form(&empty, &[]).send().await.unwrap()).await;
    body["request_id"] = "-".into();
    insta::assert_json_snapshot!("problem_image_empty", body);
}

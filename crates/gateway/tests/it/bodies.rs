//! Request bodies as clients write them: encodings, charsets, form values, file names.

use crate::pictures::{jpeg, png, webp};
use crate::world::{World, problem};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use std::io::Write;

async fn accepted(name: &str, request: RequestBuilder) -> Value {
    let answer: Response = request.send().await.unwrap();
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(status, 202, "{name}: {body}");
    body
}

fn raw(world: &World, content_type: &str, body: impl Into<Vec<u8>>) -> RequestBuilder {
    world.post().header("content-type", content_type).body(body.into())
}

fn body() -> String {
    json!({ "image": STANDARD.encode(png()), "seed": 1, "steps": 3 }).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn json_in_every_unicode_encoding_is_one_request() {
    let world = World::new().await;
    let text = body();
    let utf16 = |marked: bool| {
        let mark = if marked { "\u{feff}" } else { "" };
        format!("{mark}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()
    };
    for (name, content_type, body) in [
        ("plain", "application/json", text.clone().into_bytes()),
        ("a byte order mark", "application/json; charset=utf-8", format!("\u{feff}{text}").into_bytes()),
        ("UTF-16 with its mark", "application/json", utf16(true)),
        ("UTF-16 with its charset", "application/json; charset=\"UTF-16LE\"", utf16(false)),
        ("text/json", "text/json", text.clone().into_bytes()),
    ] {
        accepted(name, raw(&world, content_type, body)).await;
    }
    assert_eq!(world.stored(), 1, "the same image each time");
    let hook = raw(&world, "application/json", "\u{feff}{\"url\": \"https://example.org/\"}");
    let (client, request) = hook.build_split();
    let mut request = request.unwrap();
    request.url_mut().set_path("/api/v1/webhooks");
    assert_eq!(client.execute(request).await.unwrap().status(), 201, "webhooks too");
    let refused = problem(raw(&world, "application/json; charset=klingon", text).send().await.unwrap()).await;
    assert_eq!(refused["code"], "unsupported_content_type");
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bodies_are_unpacked_within_their_bound() {
    let world = World::with(&["--max-body-bytes=100000"]).await;
    let text = body();
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zlib = {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let deflate = {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let brotli_bomb = hex(
        "cbffff3ff82540e2b14020f7fe8fffff7ff04b00c4611180eefd1fffffffe0970088c30200ddfb3ffeffffc12f0110870500baf77f\
         fcffff835f02200e0b0074effff8ffff07bf04401c1600e8defff1ffff0f7e0980382c00d0bdffcbffff3ffc1200715800a07bff07",
    );
    let send =
        |encoding: &str, body: Vec<u8>| raw(&world, "application/json", body).header("content-encoding", encoding);
    for (encoding, body) in [
        ("gzip", gzip(text.as_bytes())),
        ("x-gzip", gzip(text.as_bytes())),
        ("GZIP", gzip(text.as_bytes())),
        ("deflate", zlib),
        ("deflate", deflate),
        ("identity", text.clone().into_bytes()),
        ("gzip, gzip", gzip(&gzip(text.as_bytes()))),
        ("br", stored_brotli(text.as_bytes())),
        ("gzip, br", stored_brotli(&gzip(text.as_bytes()))),
    ] {
        accepted(encoding, send(encoding, body)).await;
    }
    for (encoding, body, status, code) in [
        ("gzip", text.clone().into_bytes(), 400, "invalid_content_encoding"),
        ("br", text.clone().into_bytes(), 400, "invalid_content_encoding"),
        ("deflate", text.clone().into_bytes(), 400, "invalid_content_encoding"),
        ("gzip", gzip(text.as_bytes())[..40].to_vec(), 400, "invalid_content_encoding"),
        ("zstd", text.clone().into_bytes(), 415, "unsupported_content_encoding"),
        ("gzip, gzip, gzip", text.clone().into_bytes(), 415, "unsupported_content_encoding"),
        ("gzip", gzip(&vec![b' '; 64 << 20]), 413, "body_too_large"),
        ("gzip, gzip", gzip(&gzip(&vec![b' '; 64 << 20])), 413, "body_too_large"),
        ("br", brotli_bomb, 413, "body_too_large"),
        // `{"steps": 3}`, compressed.
        ("br", hex("8b05807b227374657073223a20337d03"), 400, "missing_image"),
        ("br", stored_brotli(text.as_bytes())[..40].to_vec(), 400, "invalid_content_encoding"),
        ("deflate, zstd", text.clone().into_bytes(), 415, "unsupported_content_encoding"),
    ] {
        let refused = problem(send(encoding, body).send().await.unwrap()).await;
        assert_eq!((&refused["status"], &refused["code"]), (&status.into(), &code.into()), "{encoding}: {refused}");
    }
}

/// A Brotli stream of uncompressed blocks (RFC 7932, section 9.2).
fn stored_brotli(bytes: &[u8]) -> Vec<u8> {
    let mut stream = Vec::new();
    for (index, block) in bytes.chunks(1 << 16).enumerate() {
        // The size of the window, in the first block only; then: not the last block, a length of 16 bits, uncompressed.
        let window = u32::from(index == 0);
        let header = (u32::try_from(block.len()).unwrap() - 1) << (3 + window) | 1 << (19 + window);
        stream.extend(&header.to_le_bytes()[..3]);
        stream.extend(block);
    }
    stream.push(3);
    stream
}

fn hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn form_values_are_read_as_forms_send_them() {
    let world = World::new().await;
    let image = png();
    for fields in [
        vec![("steps", ""), ("guidance_scale", " "), ("seed", ""), ("format", ""), ("cache", ""), ("model", "")],
        vec![("image_url", "")],
        vec![("cache", "True"), ("format", "GLB"), ("steps", " 20"), ("seed", "+5"), ("guidance_scale", "5.")],
        vec![("cache", "False"), ("format", ".obj"), ("steps", "020")],
        vec![("cache", "1"), ("steps", "2e1")],
        vec![("cache", "0")],
        vec![("cache", "on")],
        vec![("cache", "OFF")],
    ] {
        accepted(&format!("{fields:?}"), world.post_form(&image, &fields)).await;
    }
    let json = |fields: Value| {
        let mut body = json!({ "image": STANDARD.encode(&image) });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        world.post().json(&body)
    };
    for fields in [
        json!({ "steps": "2", "cache": 0, "format": "GLB", "seed": "7" }),
        json!({ "steps": null, "image_url": null, "images": null, "model": null, "cache": null, "format": null }),
        json!({ "image_url": "", "model": "", "steps": "" }),
    ] {
        accepted(&fields.to_string(), json(fields.clone())).await;
    }
    let empty = problem(world.post_form(b"", &[("image_url", "")]).send().await.unwrap()).await;
    assert_eq!(empty["code"], "missing_image");
    // An empty file beside a URL is what a form with both fields sends: the URL counts.
    let url = problem(world.post_form(b"", &[("image_url", "https://example.org/a.png")]).send().await.unwrap()).await;
    assert_eq!(url["code"], "url_not_allowed");
}

/// A form with one part, whose headers are as given.
fn form(world: &World, headers: &[u8], content: &[u8]) -> RequestBuilder {
    let body = [b"--x\r\n", headers, b"\r\n\r\n", content, b"\r\n--x--\r\n"].concat();
    raw(world, "multipart/form-data; boundary=x", body)
}

#[tokio::test(flavor = "multi_thread")]
async fn file_names_may_be_in_any_encoding() {
    let world = World::new().await;
    let image = png();
    for name in [
        &b"filename=\"\xdc.png\""[..],
        b"filename=\"\xc4\xe3\xba\xc3.png\"",
        b"filename=\"\xef\xf0\xe8\xe2\xe5\xf2.png\"",
        "filename=\"ü.png\"".as_bytes(),
        b"filename*=UTF-8''%c3%bc.png",
        b"filename*=nonsense",
        b"filename=\"a\\\"b.png\"",
        b"filename=C:\\a.png",
        b"filename=\"a",
        b"filename=",
        &[b"filename=\"", &[b'n'; 3000][..], b"\""].concat(),
    ] {
        let headers = [b"Content-Disposition: form-data; name=\"image\"; ", name, b"\r\nX-Note: \xfc"].concat();
        accepted(&String::from_utf8_lossy(name), form(&world, &headers, &image)).await;
    }
    for headers in [&b"Content-Disposition: form-data; name=\"image"[..], b"Content-Type: image/png"] {
        let refused = problem(form(&world, headers, &image).send().await.unwrap()).await;
        assert_eq!(refused["code"], "invalid_multipart", "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains("name"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_field_may_hold_the_text_of_an_image() {
    let world = World::new().await;
    let text = STANDARD.encode(jpeg());
    for image in [
        text.clone(),
        format!("data:image/jpg;base64,{text}"),
        text.as_bytes().chunks(76).map(|line| String::from_utf8(line.to_vec()).unwrap() + "\r\n").collect(),
    ] {
        accepted(&image[..20], world.post_form(image.as_bytes(), &[])).await;
    }
    assert_eq!(world.stored(), 1);
    for (text, part) in [("https://example.org/cat.png", "image_url"), ("C:\\cats\\cat.png", "path")] {
        let refused = problem(world.post_form(text.as_bytes(), &[]).send().await.unwrap()).await;
        assert_eq!(refused["code"], "invalid_base64", "{refused}");
        assert!(refused["detail"].as_str().unwrap().contains(part), "{refused}");
    }
    accepted("webp", world.post_form(&webp(), &[])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_is_echoed_whole() {
    let world = World::new().await;
    let long = "A".repeat(1 << 20);
    let batch = |body: String| {
        world
            .client
            .post(world.url("/api/v1/batch"))
            .bearer_auth(&world.keys[0])
            .header("content-type", "application/json")
            .body(body)
    };
    let json = |body: &Value| raw(&world, "application/json", body.to_string());
    for (name, request) in [
        ("a string", raw(&world, "application/json", format!("\"{long}\""))),
        ("a string as a batch", batch(format!("\"{long}\""))),
        ("JSON in a string", raw(&world, "application/json", json!(body()).to_string())),
        ("an unknown field", json(&json!({ "image": "", &long: 1 }))),
        ("a field twice", raw(&world, "application/json", format!("{{\"{long}\": 1, \"{long}\": 2}}"))),
        ("a parameter", json(&json!({ "image": "AAAA", "steps": &long }))),
        ("a format", json(&json!({ "image": "AAAA", "format": &long }))),
        ("a URL", json(&json!({ "image_url": format!("http://{long}/") }))),
        ("a model", json(&json!({ "image": "AAAA", "model": &long }))),
        ("a view", json(&json!({ "images": { &long: "AAAA" } }))),
        ("no base64", json(&json!({ "image": format!("*{long}") }))),
        ("a data URI", json(&json!({ "image": format!("data:{long}") }))),
        ("an item of a batch", batch(json!({ "images": [{ &long: 1 }] }).to_string())),
        ("images", batch(json!({ "images": &long }).to_string())),
        (
            "a form field",
            form(&world, format!("Content-Disposition: form-data; name=\"{}\"", &long[..9000]).as_bytes(), b"1"),
        ),
        ("a form value", world.post_form(&png(), &[("steps", &long[..4000])])),
    ] {
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_client_error(), "{name}: {}", answer.status());
        let text = answer.text().await.unwrap();
        assert!(text.len() < 2000 && !text.contains(&long[..300]), "{name}: {} bytes", text.len());
    }
}

//! Submission of single images.

use crate::pictures::*;
use crate::world::World;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blobs::{BlobOptions, Blobs};
use domain::{JobState, MeshFormat};
use image::ImageFormat;
use serde_json::{Value, json};
use std::collections::HashSet;

#[tokio::test(flavor = "multi_thread")]
async fn a_form_becomes_a_job_with_the_clients_own_bytes() {
    let world = World::new().await;
    let picture = png();
    let fields = [
        ("steps", "200"),
        ("guidance_scale", "7.5"),
        ("seed", "9007199254740991"),
        ("octree_resolution", "16"),
        ("format", "stl"),
        ("face_budget", "100"),
    ];
    let answer = world.post_form(&picture, &fields).send().await.unwrap();
    assert_eq!(answer.status(), 202);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let mut body: Value = answer.json().await.unwrap();
    assert_eq!(location, body["links"]["self"]);

    let record = world.queue().await.record(body["job_id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((record.state, record.job.owner.as_str()), (JobState::Queued, world.owners[0].as_str()));
    let parameters = &record.job.parameters().unwrap();
    assert_eq!((parameters.steps, parameters.guidance_scale), (Some(200), Some(7.5)));
    assert_eq!((parameters.seed, parameters.octree_resolution), (Some(9_007_199_254_740_991), Some(16)));
    assert_eq!((parameters.format, parameters.face_budget), (Some(MeshFormat::STL), Some(100)));
    let blobs = Blobs::open(&BlobOptions::at(world.blobs_directory().to_str().unwrap())).unwrap();
    assert_eq!(blobs.get(&record.job.spec.image_to_mesh().unwrap().images[0].image).await.unwrap(), picture);

    let id = body["job_id"].as_str().unwrap().to_owned();
    let links = body["links"].as_object_mut().unwrap();
    links.values_mut().for_each(|link| *link = link.as_str().unwrap().replace(&id, "ID").into());
    body["job_id"] = "ID".into();
    insta::assert_json_snapshot!("accepted", body);
}

#[tokio::test(flavor = "multi_thread")]
async fn json_with_base64_or_a_data_uri_is_as_good() {
    let world = World::new().await;
    let (png, base64) = (png(), STANDARD.encode(png()));
    for image in [base64.clone(), format!("{base64}\n"), format!("data:image/png;base64,{base64}")] {
        let answer = world.post().json(&json!({ "image": image, "steps": 3, "seed": null })).send().await.unwrap();
        assert_eq!(answer.status(), 202);
    }
    // The same bytes are stored once, however they were sent.
    assert_eq!(world.post_form(&png, &[]).send().await.unwrap().status(), 202);
    assert_eq!(world.stored(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_taken_also_under_a_wrong_name() {
    let world = World::new().await;
    let grey = image::DynamicImage::from(noise(40, 40)).to_luma16();
    let sixteen_bits = encode(image::DynamicImage::from(disc(40)).to_rgba16(), ImageFormat::Png);
    for picture in [png(), jpeg(), webp(), encode(grey, ImageFormat::Png), sixteen_bits, dots(&[(5, 5), (6, 6)])] {
        let answer = world.post_form(&picture, &[]).send().await.unwrap();
        assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    }
    let misnamed = world.post().json(&json!({ "image": format!("data:image/png;base64,{}", STANDARD.encode(jpeg())) }));
    assert_eq!(misnamed.send().await.unwrap().status(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn seeds_are_drawn_and_returned() {
    let world = World::new().await;
    let (picture, mut seeds) = (png(), HashSet::new());
    let queue = world.queue().await;
    for n in 1..=5 {
        let body: Value = world.post_form(&picture, &[]).send().await.unwrap().json().await.unwrap();
        assert_eq!(body["position"], n);
        let seed = body["seed"].as_u64().unwrap();
        assert!(seed < 1 << 53);
        seeds.insert(seed);
        let record = queue.record(body["job_id"].as_str().unwrap().parse().unwrap()).await.unwrap().unwrap();
        assert_eq!(record.job.parameters().unwrap().seed, Some(seed));
    }
    assert_eq!(seeds.len(), 5);
}

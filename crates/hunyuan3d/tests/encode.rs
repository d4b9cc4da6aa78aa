//! The encode path on real weights: a shape through the shipped encoder and decoder.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use checkpoint::config::PipelineConfig;
use hunyuan3d::probe::Probe;
use hunyuan3d::vae::SurfaceSampling;
use hunyuan3d::{Device, Dtype, LoadOptions, Pipeline};
use tch::{Kind, Tensor};

/// A torus in the x-z plane, as wide as the shapes of training are (0.95): the distance of its ring from the axis, and of
/// its surface from the ring.
const RING: f64 = 0.68;
const TUBE: f64 = 0.27;

/// Points on the torus with their normals and the label "not a sharp edge" [1, n, 7]; a low-discrepancy sequence, so that
/// they lie evenly.
fn surface(n: i64) -> Tensor {
    let points = (0..n).flat_map(|i| {
        let (u, v) = (i as f64 / n as f64, (i as f64 * 0.618_033_988_75).fract());
        let (around, along) = (u * std::f64::consts::TAU, v * std::f64::consts::TAU);
        let normal = [around.cos() * along.cos(), along.sin(), around.sin() * along.cos()];
        let ring = [RING * around.cos(), 0.0, RING * around.sin()];
        let point: Vec<f64> = ring.iter().zip(normal).map(|(r, n)| r + TUBE * n).collect();
        [point[0], point[1], point[2], normal[0], normal[1], normal[2], 0.0].map(|x| x as f32)
    });
    Tensor::from_slice(&points.collect::<Vec<f32>>()).view([1, n, 7])
}

#[test]
fn the_shipped_encoder_and_decoder_reconstruct_a_surface() {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/orfeas-tiny");
    let config = PipelineConfig::read(&model).unwrap().vae;
    let pipeline =
        Pipeline::load(&model, &LoadOptions { device: Device::Cpu, dtype: Dtype::F32, ..LoadOptions::default() })
            .unwrap();
    let vae = pipeline.vae();
    let sampling = SurfaceSampling::seeded(&config, 7);
    let posterior = vae.encoder().unwrap().encode(&surface(config.pc_size), &sampling, Probe::NONE).unwrap();
    let decoded = vae.decode(posterior.mode(), Probe::NONE);

    let axis = (Tensor::arange(48, (Kind::Float, tch::Device::Cpu)) + 0.5) / 24.0 - 1.0;
    let [x, y, z]: [Tensor; 3] = Tensor::meshgrid_indexing(&[&axis, &axis, &axis], "ij").try_into().unwrap();
    let points = Tensor::stack(&[&x, &y, &z], -1).view([1, -1, 3]);
    let shape = vae.geo_decoder().latent_key_values(&decoded, Probe::NONE);
    let inside = vae.geo_decoder().forward(&points, &shape, Probe::NONE).view([48, 48, 48]).gt(0.0);
    let from_ring = (x.square() + z.square()).sqrt() - RING;
    let truth = (from_ring.square() + y.square()).sqrt().lt(TUBE);

    let count = |mask: Tensor| mask.sum(Kind::Int64).int64_value(&[]) as f64;
    let iou = count(inside.logical_and(&truth)) / count(inside.logical_or(&truth));
    assert!(iou > 0.9, "volumetric IoU {iou}");
}

//! Volume decoding on real (small, fitted) weights: properties that hold between decoders, batches and chunks.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use checkpoint::config::PartialConfig;
use hunyuan3d::probe::Probe;
use hunyuan3d::vae::{LatentKeyValues, ShapeVae};
use hunyuan3d::volume::{Bounds, DecodeOptions, Decoder, Field, FlashMode, VertexMapping, decode};
use hunyuan3d::{Error, Weights};
use tch::{Device, Kind, Tensor};

const DECODERS: [Decoder; 4] =
    [Decoder::Dense, Decoder::Hierarchical, Decoder::FlashVdm(FlashMode::Mean), Decoder::FlashVdm(FlashMode::Merge)];

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases").join(name)
}

fn load(name: &str, kind: Kind) -> ShapeVae {
    let config = PartialConfig::read(&case(name)).unwrap().vae.unwrap();
    let weights = Weights::open(&case(name).join("model.safetensors"), Device::Cpu, kind).unwrap();
    ShapeVae::new(&weights, &config).unwrap()
}

/// The fitted VAE and its three shapes, decoded to tokens.
fn shapes() -> (ShapeVae, Tensor) {
    let vae = load("vol-v2-0", Kind::Float);
    let tensors = Tensor::read_safetensors(case("vol-v2-0").join("io.safetensors")).unwrap();
    let latents = tensors.into_iter().find(|(name, _)| name == "latents").unwrap().1;
    let tokens = vae.decode(&(latents / vae.scale_factor()), Probe::NONE);
    (vae, tokens)
}

fn key_values(vae: &ShapeVae, tokens: &Tensor) -> LatentKeyValues {
    vae.geo_decoder().latent_key_values(tokens, Probe::NONE)
}

fn options(decoder: Decoder) -> DecodeOptions {
    DecodeOptions { octree_resolution: 32, decoder, min_resolution: 15, ..DecodeOptions::default() }
}

fn assert_same(a: &Field, b: &Field, tolerance: f32, what: &str) {
    assert_eq!(a.shape, b.shape, "{what}");
    for (a, b) in a.dense().iter().zip(b.dense().iter()) {
        assert!((a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance, "{what}: {a} and {b}");
    }
}

/// In float32 by the fused decoder where the processor has AVX-512; in float64 always by tensor operations.
#[test]
fn a_lattice_decodes_as_its_points_do() {
    for (name, kind) in ["vol-v2-0", "vae-v2-0-turbo", "vae-v2-0-alt"]
        .into_iter()
        .flat_map(|name| [Kind::Float, Kind::Double].map(|kind| (name, kind)))
    {
        let vae = load(name, kind);
        let config = PartialConfig::read(&case(name)).unwrap().vae.unwrap();
        tch::manual_seed(5);
        let tokens = Tensor::randn([2, 20, config.width], (kind, Device::Cpu));
        let shapes = key_values(&vae, &tokens);
        let options = DecodeOptions {
            octree_resolution: 10,
            bounds: Bounds { min: [-1.0, -0.5, 0.25], max: [1.0, 0.75, 1.5] },
            ..options(Decoder::Dense)
        };
        let axis = |a: usize| {
            let (min, max) = (f64::from(options.bounds.min[a]), f64::from(options.bounds.max[a]));
            Tensor::linspace(min, max, 11, (Kind::Double, Device::Cpu)).to_kind(Kind::Float)
        };
        let points = Tensor::stack(&Tensor::meshgrid_indexing(&[axis(0), axis(1), axis(2)], "ij"), -1).view([1, -1, 3]);
        let expected = vae.geo_decoder().forward(&points.expand([2, -1, -1], false), &shapes, Probe::NONE);
        for (row, field) in decode(vae.geo_decoder(), &shapes, &options).unwrap().iter().enumerate() {
            let error = Tensor::from_slice(&field.dense()) - expected.get(row as i64).view(-1);
            let error = error.abs().max().double_value(&[]) / expected.abs().max().double_value(&[]);
            assert!(error < 1e-5, "{name} {kind:?} row {row}: relative error {error}");
        }
    }
}

#[test]
fn the_chunk_size_does_not_change_the_result() {
    let (vae, tokens) = shapes();
    let shapes = key_values(&vae, &tokens.narrow(0, 0, 1));
    for decoder in DECODERS {
        let whole = &decode(vae.geo_decoder(), &shapes, &options(decoder)).unwrap()[0];
        for chunk in [500, 1 << 20] {
            let cut = DecodeOptions { chunk: Some(chunk), ..options(decoder) };
            let cut = &decode(vae.geo_decoder(), &shapes, &cut).unwrap()[0];
            assert_same(whole, cut, 2e-5, &format!("{decoder:?}, chunk {chunk}"));
        }
    }
}

#[test]
fn a_row_of_a_batch_equals_the_row_alone() {
    let (vae, tokens) = shapes();
    for decoder in DECODERS {
        let together = decode(vae.geo_decoder(), &key_values(&vae, &tokens), &options(decoder)).unwrap();
        assert_eq!(together.len(), 3);
        for (row, field) in together.iter().enumerate() {
            let alone = key_values(&vae, &tokens.narrow(0, row as i64, 1));
            let alone = &decode(vae.geo_decoder(), &alone, &options(decoder)).unwrap()[0];
            assert_same(field, alone, 1e-5, &format!("{decoder:?}, row {row}"));
        }
    }
}

#[test]
fn refinement_finds_the_surface_of_the_dense_field() {
    let (vae, tokens) = shapes();
    let shapes = key_values(&vae, &tokens);
    let resolution = |decoder| DecodeOptions { octree_resolution: 64, ..options(decoder) };
    let dense = decode(vae.geo_decoder(), &shapes, &resolution(Decoder::Dense)).unwrap();
    let refined = decode(vae.geo_decoder(), &shapes, &resolution(Decoder::Hierarchical)).unwrap();
    for (row, (dense, refined)) in dense.iter().zip(&refined).enumerate() {
        let evaluated = refined.dense().iter().filter(|v| !v.is_nan()).count();
        assert!(evaluated * 3 < dense.dense().len(), "row {row}: {evaluated} points evaluated");
        let meshes = [dense, refined].map(|field| field.to_mesh(0.0, VertexMapping::Corrected));
        let [dense, refined] = meshes.map(|mesh| mesh::measure(&mesh));
        assert!(dense.watertight && refined.watertight, "row {row}");
        assert!(refined.volume > 0.0);
        assert_eq!((dense.faces, dense.euler_number), (refined.faces, refined.euler_number), "row {row}");
        assert!((dense.volume - refined.volume).abs() < 1e-5, "row {row}");
    }
}

#[test]
fn a_surface_at_another_level_is_found() {
    let (vae, tokens) = shapes();
    let shapes = key_values(&vae, &tokens.narrow(0, 2, 1));
    let at_level = |decoder| {
        let options = DecodeOptions { octree_resolution: 64, mc_level: 0.3, ..options(decoder) };
        let field = decode(vae.geo_decoder(), &shapes, &options).unwrap().remove(0);
        mesh::measure(&field.to_mesh(0.3, VertexMapping::Corrected))
    };
    let (dense, refined) = (at_level(Decoder::Dense), at_level(Decoder::Hierarchical));
    assert!(refined.watertight && (dense.volume - refined.volume).abs() < 1e-5);
}

#[test]
fn bfloat16_decodes_nearly_the_same_shape() {
    let (vae, tokens) = shapes();
    let half = load("vol-v2-0", Kind::BFloat16);
    let volume = |vae: &ShapeVae, tokens: &Tensor| {
        let fields = decode(vae.geo_decoder(), &key_values(vae, tokens), &options(Decoder::Hierarchical)).unwrap();
        mesh::measure(&fields[0].to_mesh(0.0, VertexMapping::Corrected)).volume
    };
    let (exact, rough) = (volume(&vae, &tokens), volume(&half, &tokens.to_kind(Kind::BFloat16)));
    assert!((exact - rough).abs() < 0.02 * exact, "{exact} and {rough}");
}

#[test]
fn options_out_of_range_are_refused() {
    let (vae, tokens) = shapes();
    let shapes = key_values(&vae, &tokens);
    let good = DecodeOptions { octree_resolution: 8, ..DecodeOptions::default() };
    for bad in [
        DecodeOptions { octree_resolution: 0, ..good.clone() },
        DecodeOptions { octree_resolution: DecodeOptions::MAX_RESOLUTION + 1, ..good.clone() },
        DecodeOptions { chunk: Some(0), ..good.clone() },
        DecodeOptions { bounds: Bounds::cube(0.0), ..good.clone() },
        DecodeOptions { bounds: Bounds::cube(f32::NAN), ..good.clone() },
        DecodeOptions { mc_level: f32::NAN, ..good.clone() },
    ] {
        assert!(matches!(decode(vae.geo_decoder(), &shapes, &bad), Err(Error::Invalid(_))), "{bad:?}");
    }
    assert_eq!(decode(vae.geo_decoder(), &shapes, &good).unwrap().len(), 3);
}

//! Synthetic models: whole, repeatable, finite.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use checkpoint::{Dtype, PRESETS, PipelineConfig, SyntheticDtype, WeightFile, digest, inspect, synthesize};

fn config(name: &str) -> String {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models");
    std::fs::read_to_string(models.join(name).join("config.yaml")).unwrap()
}

fn make(case: &str, seed: u64, dtype: SyntheticDtype) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    synthesize(&config(case), seed, dtype, dir.path(), &mut |_, _| {}).unwrap();
    dir
}

#[test]
fn every_family_comes_out_whole() {
    let dtypes = [
        (SyntheticDtype::F16, Dtype::F16, "model.fp16.safetensors"),
        (SyntheticDtype::BF16, Dtype::BF16, "model.safetensors"),
        (SyntheticDtype::F32, Dtype::F32, "model.safetensors"),
    ];
    for case in ["e2e-v2-0", "e2e-v2-0-turbo", "e2e-v2-1", "e2e-v2-mv"] {
        for (asked, dtype, name) in dtypes {
            let dir = make(case, 1, asked);
            assert_eq!(std::fs::read_to_string(dir.path().join("config.yaml")).unwrap(), config(case));
            let manifest = PipelineConfig::read(dir.path()).unwrap().manifest();
            let file = WeightFile::open(dir.path().join(name)).unwrap();
            manifest.check(&file).unwrap();
            assert!(file.names().all(|name| file.tensor(name).unwrap().dtype == dtype));
            assert_eq!(inspect(dir.path(), false).unwrap().mismatch, None);
        }
    }
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let digest_of = |seed| digest(make("e2e-v2-0", seed, SyntheticDtype::F16).path()).unwrap();
    assert_eq!(digest_of(1), digest_of(1));
    assert_ne!(digest_of(1), digest_of(2));
}

#[test]
fn values_have_the_scale_of_their_layer() {
    let dir = make("e2e-v2-0", 3, SyntheticDtype::F32);
    let file = WeightFile::open(dir.path().join("model.safetensors")).unwrap();
    let values = |name: &str| -> Vec<f32> {
        let (chunks, _) = file.tensor(name).unwrap().data.as_chunks::<4>();
        chunks.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    };
    for name in file.names() {
        assert!(values(name).iter().all(|value| value.is_finite() && value.abs() < 20.0), "{name}");
    }
    let deviation = |name: &str| {
        let values = values(name);
        (values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32).sqrt()
    };
    // [4D, D] of width 48.
    let weight = deviation("model.double_blocks.0.img_mlp.0.weight");
    assert!((weight * 48f32.sqrt() - 1.0).abs() < 0.05, "{weight}");
    assert!(values("model.single_blocks.0.norm.query_norm.scale").iter().all(|gain| (gain - 1.0).abs() < 0.1));
    let different =
        values("model.double_blocks.0.img_mlp.0.weight") != values("model.double_blocks.1.img_mlp.0.weight");
    assert!(different);
}

/// The full-size models have tensors of the sizes that their memory bound must hold for; their headers must be legal.
#[test]
fn every_published_model_can_be_laid_out() {
    for preset in &PRESETS {
        let manifest = preset.manifest();
        let largest = manifest.tensors().iter().map(|spec| spec.elements()).max().unwrap();
        assert!(largest < 1 << 25, "{}: {largest}", preset.name);
    }
}

#[test]
fn an_unsound_configuration_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let broken = config("e2e-v2-0").replace("num_heads: 3", "num_heads: 5");
    assert!(synthesize(&broken, 0, SyntheticDtype::F16, dir.path(), &mut |_, _| {}).is_err());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

//! The published models have the published numbers of parameters.

#![allow(clippy::unwrap_used)]

use checkpoint::{Dtype, Manifest, PRESETS, Preset};

fn manifest(name: &str) -> Manifest {
    Preset::find(name).unwrap().manifest()
}

#[test]
fn denoisers() {
    let table = [
        ("dit-v2-0", 1_113_274_432),
        ("dit-v2-0-fast", 1_114_587_200),
        ("dit-v2-0-turbo", 1_114_587_200),
        ("dit-v2-mini", 559_196_224),
        ("dit-v2-mini-fast", 560_508_992),
        ("dit-v2-mini-turbo", 560_508_992),
        ("dit-v2-mv", 1_113_274_432),
        ("dit-v2-mv-fast", 1_114_587_200),
        ("dit-v2-mv-turbo", 1_114_587_200),
        ("dit-v2-1", 3_050_758_720),
    ];
    for (name, parameters) in table {
        assert_eq!(manifest(name).parameters_of("model"), parameters, "{name}");
    }
}

#[test]
fn vaes() {
    let table = [
        ("vae-v2-0", 214_212_865),
        ("vae-v2-0-turbo", 203_690_497),
        ("vae-v2-0-withencoder", 327_746_177),
        ("vae-v2-mini", 214_212_865),
        ("vae-v2-mini-turbo", 203_690_497),
        ("vae-v2-mini-withencoder", 327_746_177),
        ("vae-v2-1", 327_746_177),
    ];
    for (name, parameters) in table {
        assert_eq!(manifest(name).parameters(), parameters, "{name}");
    }
    assert_eq!(manifest("vae-v2-1").parameters_of("encoder"), 113_402_112);
    assert_eq!(manifest("dit-v2-0").parameters_of("vae"), 214_212_865);
    assert_eq!(manifest("dit-v2-1").parameters_of("vae"), 327_746_177);
}

#[test]
fn image_encoders() {
    assert_eq!(manifest("dit-v2-0").parameters_of("conditioner"), 1_136_480_768);
    assert_eq!(manifest("dit-v2-1").parameters_of("conditioner"), 304_368_640);
}

/// The half-precision bundles. The published 2.0 file has this size to the byte, header and all: every name is right.
#[test]
fn bundles() {
    let file = |name| checkpoint::safetensors_size(manifest(name).entries(Dtype::F16)).unwrap();
    assert_eq!(file("dit-v2-0"), 4_928_151_562);
    assert_eq!(file("dit-v2-mv"), 4_928_151_562);
    // The published 2.1 file is a .ckpt, whose frame takes some 400 bytes per tensor.
    let v2_1 = manifest("dit-v2-1");
    assert_eq!(2 * v2_1.parameters(), 7_365_747_074);
    let frame = (7_366_389_768 - 2 * v2_1.parameters()) / v2_1.tensors().len() as u64;
    assert!((300..600).contains(&frame), "{frame}");
    assert_eq!(file("dit-v2-mini") / 10_000_000, 381);
}

#[test]
fn names_are_unique_and_found_in_every_form() {
    for preset in &PRESETS {
        assert_eq!(Preset::find(preset.name), Some(preset));
        assert_eq!(Preset::find(preset.subfolder), Some(preset));
        assert_eq!(Preset::find(&format!("{}/{}", preset.repo, preset.subfolder)), Some(preset));
    }
    let error = "dit-v3".parse::<&Preset>().unwrap_err().to_string();
    assert!(error.contains("dit-v3") && error.contains("dit-v2-mini-turbo"), "{error}");
}

#[test]
fn bundles_are_whole_pipelines() {
    for preset in PRESETS.iter().filter(|preset| preset.name.starts_with("dit")) {
        checkpoint::PipelineConfig::parse(&preset.config_yaml()).unwrap();
    }
}

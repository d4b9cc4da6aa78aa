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

#[test]
fn published_names_are_understood_in_any_spelling() {
    for (name, spellings) in [
        ("dit-v2-0", &["hunyuan3d-2", "Hunyuan3D-2.0", "tencent/Hunyuan3D-2", "hunyuan3d-dit-v2-0", "DIT_V2_0"][..]),
        ("dit-v2-0-turbo", &["hunyuan3d-2-turbo", "tencent/Hunyuan3D-2/hunyuan3d-dit-v2-0-turbo", "2.0-turbo"]),
        ("dit-v2-mini", &["hunyuan3d-2mini", "tencent/Hunyuan3D-2mini", "Hunyuan3D 2 mini"]),
        ("dit-v2-mini-turbo", &["hunyuan3d-2mini-turbo", "hunyuan3d-2-mini-turbo", "dit-v2-mini-turbo"]),
        ("dit-v2-mini-fast", &["hunyuan3d-2mini-fast"]),
        ("dit-v2-mv", &["hunyuan3d-2mv", "tencent/Hunyuan3D-2mv", "https://huggingface.co/tencent/Hunyuan3D-2mv"]),
        ("dit-v2-mv-turbo", &["hunyuan3d-2mv-turbo"]),
        ("dit-v2-1", &["hunyuan3d-2.1", "tencent/Hunyuan3D-2.1", "Hunyuan3D-2.1/hunyuan3d-dit-v2-1"]),
        (
            "vae-v2-mini-turbo",
            &["https://huggingface.co/tencent/Hunyuan3D-2mini/tree/main/hunyuan3d-vae-v2-mini-turbo"],
        ),
    ] {
        for spelling in spellings {
            assert_eq!(Preset::find(spelling).map(|preset| preset.name), Some(name), "{spelling}");
        }
    }
    for unknown in ["", "hunyuan3d", "hunyuan3d-3", "hunyuan3d-2.1-turbo", "tencent", "dit", "turbo", "mini"] {
        assert_eq!(Preset::find(unknown).map(|preset| preset.name), None, "{unknown}");
    }
}

#[test]
fn no_name_stands_for_two_models() {
    for preset in &PRESETS {
        let folder = format!("{}/{}", preset.repo, preset.subfolder);
        for name in [preset.name, preset.subfolder, &folder] {
            assert_eq!(Preset::find(name).map(|found| found.name), Some(preset.name), "{name}");
        }
    }
}

//! `inspect` on valid and broken directories.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use checkpoint::{
    Entry, Error, Family, Fetched, Origin, Preset, SyntheticDtype, find_weights, inspect, synthesize, write_safetensors,
};

/// A model with the configuration of a fixture and random weights.
fn made(name: &str) -> tempfile::TempDir {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name).join("config.yaml");
    let dir = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(config).unwrap();
    synthesize(&text, 0, SyntheticDtype::F16, dir.path(), &mut |_, _| {}).unwrap();
    dir
}

#[test]
fn a_sound_model() {
    let dir = made("e2e-v2-1");
    let found = inspect(dir.path(), true).unwrap();
    assert_eq!(found.family, Family::V21);
    assert_eq!(found.mismatch, None);
    assert_eq!(found.published_as, None);
    let names: Vec<_> = found.components.iter().map(|component| (component.name, component.class)).collect();
    assert_eq!(names, [("model", "HunYuanDiTPlain"), ("vae", "ShapeVAE"), ("conditioner", "DinoImageEncoder")]);
    assert_eq!(found.components.iter().map(|component| component.parameters).sum::<u64>(), 602_369);
    assert_eq!((found.parameters, found.tensors), (602_369, 310));
    assert_eq!(found.dtypes, [("F16".to_owned(), 602_369)].into());
    assert_eq!(found.digest.as_ref().map(String::len), Some(64));
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["family"], "Hunyuan3D 2.1");
    assert_eq!(json["config"]["vae"]["num_latents"], 20);
}

#[test]
fn families() {
    let table = [
        ("e2e-v2-0", Family::V2),
        ("e2e-v2-mv", Family::V2Mv),
        ("vae-v2-0", Family::Vae),
        ("dinov2-mlp", Family::Part),
    ];
    for (name, family) in table {
        assert_eq!(inspect(made(name).path(), false).unwrap().family, family, "{name}");
    }
}

/// Wrong weights are told, not failed on; the configuration is recognised although the weights are not its.
#[test]
fn foreign_weights() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.yaml"), Preset::find("vae-v2-1").unwrap().config_yaml()).unwrap();
    let entries = vec![Entry { name: "post_kl.bias".into(), dtype: checkpoint::Dtype::F16, shape: vec![3] }];
    write_safetensors(&dir.path().join("model.safetensors"), entries, &mut |_, _| {}, |_, sink| {
        sink.write_all(&[0; 6]).map_err(|source| Error::Io { path: "sink".into(), source })
    })
    .unwrap();
    let found = inspect(dir.path(), false).unwrap();
    assert_eq!(found.published_as, Some("vae-v2-1"));
    let mismatch = found.mismatch.unwrap();
    assert!(mismatch.to_string().contains("post_kl.bias is [3], not [1024]"), "{mismatch}");
    // The encoder may be missing as a whole.
    assert!(mismatch.missing.iter().all(|name| !name.starts_with("encoder.")));
    assert!(mismatch.missing.contains(&"post_kl.weight".to_owned()));
}

#[test]
fn no_model_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(inspect(dir.path(), false), Err(Error::NotFound { .. })));
    assert!(matches!(find_weights(dir.path()), Err(Error::NotFound { .. })));
}

#[test]
fn origins_are_read_as_written() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Origin::read(dir.path()).unwrap(), None);
    let origin = Origin {
        name: "dit-v2-1".into(),
        hub: "https://hub.example".into(),
        repo: "a/b".into(),
        subfolder: "c".into(),
        revision: "main".into(),
        commit: None,
        files: vec![Fetched { name: "config.yaml".into(), size: 3, sha256: "ab".into() }],
    };
    origin.write(dir.path()).unwrap();
    assert_eq!(Origin::read(dir.path()).unwrap(), Some(origin));
    std::fs::write(dir.path().join("origin.json"), "{").unwrap();
    assert!(Origin::read(dir.path()).is_err());
}

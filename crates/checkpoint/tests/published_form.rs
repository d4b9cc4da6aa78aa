//! Configurations in the published form, and the names and shapes of weights that belong to them: the
//! manifest equals the headers of such files.
//!
//! `fixtures/models` has a folder per model: `config.yaml`, the same as `config.json`, and `tensors.txt`, the header of
//! its weights file. `$GOLDEN_CASES` may name a folder with whole golden cases; their files are then read too.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use checkpoint::config::{DenoiserConfig, ImageEncoder, ImageProcessor, PartialConfig, SchedulerConfig};
use checkpoint::{Dtype, Entry, Error, PipelineConfig, WeightFile, write_safetensors};

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name)
}

fn folders(root: &Path, with: &str) -> Vec<PathBuf> {
    at_least(13, root, with)
}

fn at_least(count: usize, root: &Path, with: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> = entries.filter(|dir| dir.join(with).is_file()).collect();
    found.sort();
    assert!(found.len() >= count, "only {} models in {}", found.len(), root.display());
    found
}

/// A weights file with the names and shapes of `tensors.txt`.
fn weights(dir: &Path) -> (tempfile::TempDir, WeightFile) {
    let list = std::fs::read_to_string(dir.join("tensors.txt")).unwrap();
    let entries = list.lines().map(|line| {
        let (name, shape) = line.split_once(' ').unwrap();
        Entry {
            name: name.into(),
            dtype: Dtype::U8,
            shape: shape.split('x').map(|size| size.parse().unwrap()).collect(),
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    write_safetensors(&path, entries.collect(), &mut |_, _| {}, |entry, sink| {
        let zeros = vec![0; entry.shape.iter().product()];
        sink.write_all(&zeros).map_err(|source| Error::Io { path: path.clone(), source })
    })
    .unwrap();
    let file = WeightFile::open(&path).unwrap();
    (folder, file)
}

fn assert_equal(config: &PartialConfig, file: &WeightFile) {
    let manifest = config.manifest();
    manifest.check(file).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(manifest.tensors().len(), file.names().len());
    let elements: u64 = file.names().map(|name| file.tensor(name).unwrap().elements()).sum();
    assert_eq!(manifest.parameters(), elements);
}

#[test]
fn manifests_equal_the_files() {
    for dir in folders(&model(""), "tensors.txt") {
        let (_folder, file) = weights(&dir);
        assert_equal(&PartialConfig::read(&dir).unwrap(), &file);
    }
}

#[test]
fn manifests_equal_the_golden_files() {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../hunyuan3d/tests/golden/cases");
    for dir in at_least(7, own.as_ref(), "model.safetensors") {
        let file = WeightFile::open(dir.join("model.safetensors")).unwrap();
        assert_equal(&PartialConfig::read(&dir).unwrap(), &file);
    }
}

#[test]
fn yaml_and_json_say_the_same() {
    for dir in folders(&model(""), "config.json") {
        let read = |name| PartialConfig::parse(&std::fs::read_to_string(dir.join(name)).unwrap()).unwrap();
        assert_eq!(read("config.yaml"), read("config.json"), "{}", dir.display());
    }
}

#[test]
fn json_stands_in_for_yaml() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(model("e2e-v2-1").join("config.json"), folder.path().join("config.json")).unwrap();
    let read = PipelineConfig::read(folder.path()).unwrap();
    assert_eq!(read, PipelineConfig::read(&model("e2e-v2-1")).unwrap());
}

#[test]
fn end_to_end_cases_are_whole_pipelines() {
    let read = |name: &str| PipelineConfig::read(&model(name)).unwrap();

    let v2_0 = read("e2e-v2-0");
    let DenoiserConfig::Hunyuan3DDiT(model) = &v2_0.model else { panic!("{:?}", v2_0.model) };
    assert_eq!((model.hidden_size, model.depth, model.depth_single_blocks), (48, 2, 2));
    assert!(!model.guidance_embed);
    assert_eq!(model.time_factor, 1000.0);
    assert_eq!(v2_0.vae.scale_factor, 0.9990943042622529);
    assert_eq!((v2_0.image_processor.size, v2_0.image_processor.border_ratio), (72, 0.15));
    assert_eq!(v2_0.conditioner.config.layer_norm_eps, 1e-6);
    assert_eq!(v2_0.conditioner.tokens_per_view(), 17);

    let turbo = read("e2e-v2-0-turbo");
    assert_eq!(
        turbo.scheduler,
        SchedulerConfig::ConsistencyFlowMatchEuler { num_train_timesteps: 1000, pcm_timesteps: 100 }
    );
    assert!(matches!(&turbo.model, DenoiserConfig::Hunyuan3DDiT(model) if model.guidance_embed));
    assert!(!turbo.vae.geo_decoder_qk_norm());

    let mv = read("e2e-v2-mv");
    assert_eq!(mv.conditioner.encoder, ImageEncoder::DinoImageEncoderMV);
    assert_eq!(mv.image_processor.processor, ImageProcessor::MvV2);
    assert_eq!(mv.conditioner.view_num, 4);

    let v2_1 = read("e2e-v2-1");
    let DenoiserConfig::HunYuanDiTPlain(model) = &v2_1.model else { panic!("{:?}", v2_1.model) };
    assert_eq!([2, 3, 4].map(|i| model.is_moe(i)), [false, true, true]);
    assert_eq!([2, 3, 4].map(|i| model.has_skip(i)), [false, true, true]);
    assert_eq!(v2_1.vae.num_encoder_layers, Some(1));
}

#[test]
fn one_component_is_not_a_pipeline() {
    let error = PipelineConfig::read(&model("dit-v2-0")).unwrap_err();
    assert!(matches!(&error, Error::Config { section, .. } if section == "vae"), "{error}");
}

#[test]
fn the_wrong_file_is_named_in_both_directions() {
    let manifest = PartialConfig::read(&model("dit-v2-0")).unwrap().manifest();
    let (_folder, file) = weights(&model("dit-v2-0-turbo"));
    let error = manifest.check(&file).unwrap_err();
    let Error::Mismatch { mismatch, .. } = &error else { panic!("{error}") };
    // One single block less, a guidance embedding more.
    assert_eq!(mismatch.missing.len(), 8);
    assert!(mismatch.missing.iter().all(|name| name.starts_with("model.single_blocks.2.")));
    assert_eq!(mismatch.unexpected.len(), 4);
    assert!(mismatch.unexpected.iter().all(|name| name.starts_with("model.guidance_in.")));
    assert!(mismatch.misshapen.is_empty());
    let line = error.to_string();
    assert!(
        !line.contains('\n') && line.contains("8 missing: model.single_blocks.2.") && line.contains("4 unexpected")
    );
}

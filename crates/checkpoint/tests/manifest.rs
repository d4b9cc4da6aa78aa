//! Optional and extra tensors: the rules differ by family (section 3).

#![allow(clippy::unwrap_used)]

use checkpoint::config::PartialConfig;
use checkpoint::{Dtype, Entry, Error, Manifest, Mismatch, TensorSpec, WeightFile, write_safetensors};

const VAE: &str = "
  target: hy3dgen.shapegen.models.ShapeVAE
  params:
    {num_latents: 8, embed_dim: 4, include_pi: false, heads: 2, width: 16, num_decoder_layers: 1, scale_factor: 1.0}
";
const ENCODER: &str = "num_encoder_layers: 1, point_feats: 4, ";
const CONDITIONER: &str = "
conditioner:
  target: hy3dgen.shapegen.models.SingleImageEncoder
  params:
    main_image_encoder:
      type: DinoImageEncoder
      kwargs:
        image_size: 28
        config: {hidden_size: 16, image_size: 28, num_attention_heads: 2, num_hidden_layers: 1, patch_size: 14}
";

fn manifest(text: &str) -> Manifest {
    PartialConfig::parse(text).unwrap().manifest()
}

fn vae(with_encoder: bool, is_2_1: bool) -> Manifest {
    let mut text = format!("vae:{VAE}");
    if with_encoder {
        text = text.replace("{num_latents", &format!("{{{ENCODER}num_latents"));
    }
    if is_2_1 {
        text = text.replace("hy3dgen.shapegen", "hy3dshape");
    }
    manifest(&text)
}

/// Compares a manifest with a file of the tensors of another, as far as they are kept.
fn check(manifest: &Manifest, file: &Manifest, keep: impl Fn(&TensorSpec) -> bool) -> Result<(), Mismatch> {
    let entries: Vec<Entry> = file
        .tensors()
        .iter()
        .filter(|spec| keep(spec))
        .map(|spec| Entry { name: spec.name.clone(), dtype: Dtype::U8, shape: spec.shape.clone() })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    write_safetensors(&path, entries, &mut |_, _| {}, |entry, sink| {
        let bytes = vec![0; entry.shape.iter().product()];
        sink.write_all(&bytes).map_err(|source| Error::Io { path: path.clone(), source })
    })
    .unwrap();
    match manifest.check(&WeightFile::open(&path).unwrap()) {
        Ok(()) => Ok(()),
        Err(Error::Mismatch { mismatch, .. }) => Err(*mismatch),
        Err(other) => panic!("{other}"),
    }
}

fn is_encoder(spec: &TensorSpec) -> bool {
    spec.name.starts_with("vae.encoder.") || spec.name.starts_with("vae.pre_kl.")
}

#[test]
fn a_2_1_bundle_may_lack_its_encoder_but_not_half_of_it() {
    let manifest = vae(true, true);
    assert_eq!(check(&manifest, &manifest, |_| true), Ok(()));
    assert_eq!(check(&manifest, &manifest, |spec| !is_encoder(spec)), Ok(()));
    let half = check(&manifest, &manifest, |spec| spec.name != "vae.encoder.ln_post.bias").unwrap_err();
    assert_eq!(half.missing, ["vae.encoder.ln_post.bias"]);
}

#[test]
fn a_2_1_bundle_may_have_an_encoder_that_is_not_described() {
    assert_eq!(check(&vae(false, true), &vae(true, true), |_| true), Ok(()));
}

#[test]
fn a_2_0_bundle_is_as_it_is_described() {
    let missing = check(&vae(true, false), &vae(false, false), |_| true).unwrap_err().missing;
    assert!(missing.iter().all(|name| name.starts_with("vae.encoder.") || name.starts_with("vae.pre_kl.")));
    assert!(!missing.is_empty());
    let unexpected = check(&vae(false, false), &vae(true, false), |_| true).unwrap_err().unexpected;
    assert_eq!(unexpected.len(), missing.len());
}

#[test]
fn a_bundle_may_lack_its_conditioner_as_a_whole() {
    let manifest = manifest(&format!("vae:{VAE}{CONDITIONER}"));
    let conditioner = |spec: &TensorSpec| spec.name.starts_with("conditioner.");
    assert_eq!(check(&manifest, &manifest, |spec| !conditioner(spec)), Ok(()));
    let one = |spec: &TensorSpec| !conditioner(spec) || spec.name.ends_with("cls_token");
    let missing = check(&manifest, &manifest, one).unwrap_err().missing;
    assert!(missing.len() > 10 && missing.iter().all(|name| name.starts_with("conditioner.")));
}

#[test]
fn only_the_unused_mask_token_may_be_missing() {
    let manifest = manifest(&format!("vae:{VAE}{CONDITIONER}"));
    for left_out in manifest.tensors() {
        let found = check(&manifest, &manifest, |spec| spec.name != left_out.name);
        match left_out.name.ends_with("mask_token") {
            true => assert_eq!(found, Ok(())),
            false => assert_eq!(found.unwrap_err().missing, std::slice::from_ref(&left_out.name)),
        }
    }
}

#[test]
fn a_transposed_tensor_is_told_with_both_shapes() {
    let wide = vae(false, false);
    let narrow = manifest(&format!("vae:{}", VAE.replace("embed_dim: 4", "embed_dim: 5")));
    let mismatch = check(&wide, &narrow, |_| true).unwrap_err();
    assert_eq!(mismatch.to_string(), "1 misshapen: vae.post_kl.weight is [16, 5], not [16, 4]");
}

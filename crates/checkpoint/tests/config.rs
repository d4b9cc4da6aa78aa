//! Hand-written configurations: with anchors, extra keys, missing parts and mistakes.

#![allow(clippy::unwrap_used)]

use checkpoint::config::{DenoiserConfig, PartialConfig, SchedulerConfig};
use checkpoint::{Error, Preset};

fn preset(name: &str) -> String {
    Preset::find(name).unwrap().config_yaml()
}

fn error(text: &str) -> String {
    PartialConfig::parse(text).unwrap_err().to_string()
}

#[test]
fn anchors_and_merge_keys_are_resolved() {
    let text = "
shared: &shared {num_latents: &n 7, embed_dim: 8, include_pi: false, heads: 2, width: 4, num_decoder_layers: 1}
vae:
  target: somewhere.ShapeVAE
  params: {<<: *shared, scale_factor: 1.5, pc_size: *n}
";
    let vae = PartialConfig::parse(text).unwrap().vae.unwrap();
    assert_eq!((vae.num_latents, vae.width, vae.scale_factor, vae.pc_size), (7, 4, 1.5, 7));
}

#[test]
fn defaults_are_those_of_the_published_files() {
    let text = "
vae:
  target: ShapeVAE
  params: {num_latents: 7, embed_dim: 8, include_pi: false, heads: 2, width: 4, num_decoder_layers: 1, scale_factor: 1}
image_processor: {target: x.ImageProcessorV2}
scheduler: {target: x.FlowMatchEulerDiscreteScheduler, params: null}
";
    let config = PartialConfig::parse(text).unwrap();
    let vae = config.vae.unwrap();
    assert_eq!((vae.num_freqs, vae.geo_decoder_mlp_expand_ratio, vae.geo_decoder_downsample_ratio), (8, 4, 1));
    assert!(vae.qk_norm && vae.geo_decoder_ln_post && !vae.qkv_bias && vae.num_encoder_layers.is_none());
    let processor = config.image_processor.unwrap();
    assert_eq!((processor.size, processor.border_ratio), (512, 0.15));
    assert_eq!(
        config.scheduler.unwrap(),
        SchedulerConfig::FlowMatchEuler { num_train_timesteps: 1000, shift: 1.0, use_dynamic_shifting: false }
    );
}

#[test]
fn only_the_last_component_of_a_class_path_counts() {
    let text = preset("dit-v2-0");
    let elsewhere = text.replace("hy3dgen.shapegen", "hy3dshape");
    assert_ne!(text, elsewhere);
    let (here, there) = (PartialConfig::parse(&text).unwrap(), PartialConfig::parse(&elsewhere).unwrap());
    assert_eq!(here.model, there.model);
    assert_eq!(here.scheduler, there.scheduler);
}

#[test]
fn denoisers_take_extra_parameters() {
    for (name, line) in [("dit-v2-0", "    theta: 10000\n"), ("dit-v2-1", "    text_len: 1370\n")] {
        let text = preset(name).replacen(line, &format!("{line}    something_new: [1, two]\n"), 1);
        assert!(text.contains("something_new"));
        let config = PartialConfig::parse(&text).unwrap();
        assert_eq!(config.model, PartialConfig::parse(&preset(name)).unwrap().model);
    }
}

#[test]
fn the_makers_defaults_are_read() {
    let pipeline = "  params: {num_inference_steps: 8, guidance_scale: 4.5, octree_resolution: 256, other: 1}\n";
    let text = preset("dit-v2-0") + pipeline;
    let defaults = PartialConfig::parse(&text).unwrap().pipeline;
    assert_eq!(defaults.num_inference_steps, Some(8));
    assert_eq!(defaults.guidance_scale, Some(4.5));
    assert_eq!(defaults.octree_resolution, Some(256));
    assert_eq!(PartialConfig::parse(&preset("dit-v2-0")).unwrap().pipeline, Default::default());
}

#[test]
fn mistakes_are_named() {
    let cases = [
        ("hidden_size: 1024", "hidden_size: 1000", "model.params: 16 heads do not divide width 1000"),
        ("depth: 16", "depth: -1", "model.params: depth is -1, not within 0 to 512"),
        ("depth: 16", "depth: 1000000000", "model.params: depth is 1000000000"),
        ("width: 1024", "width: 9223372036854775807", "vae.params: width is 9223372036854775807"),
        ("hidden_size: 1024", "hidden_size: big", "model.params: "),
        ("    in_channels: 64\n", "", "model.params: missing field `in_channels`"),
        ("scale_factor: 0.9990943042622529", "scale_factor: 0", "vae.params: scale_factor"),
        ("scale_factor: 0.9990943042622529", "scale_factor: .nan", "vae.params: scale_factor"),
        ("border_ratio: 0.15", "border_ratio: 1.0", "image_processor.params: border_ratio"),
        ("image_size: 518\n          layer", "image_size: 5\n          layer", "conditioner.params: config.image_size"),
        ("models.ShapeVAE", "models.Other", "vae.target: hy3dgen.shapegen.models.Other is not supported"),
        ("type: DinoImageEncoder", "type: ClipImageEncoder", "conditioner.params: "),
    ];
    for (from, to, expected) in cases {
        let text = preset("dit-v2-0").replacen(from, to, 1);
        assert!(text != preset("dit-v2-0"), "{from}");
        let error = error(&text);
        assert!(error.contains(expected) && error.starts_with("configuration, "), "{to}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn options_without_an_implementation_are_refused() {
    let options = [
        ("use_pos_emb: false", "use_pos_emb: true", "use_pos_emb"),
        ("with_decoupled_ca: false", "with_decoupled_ca: true", "with_decoupled_ca"),
        ("qk_norm_type: rms", "qk_norm_type: layer", "qk_norm_type"),
        ("qk_norm: true", "qk_norm: false", "qk_norm false"),
        ("num_train_timesteps: 1000", "use_dynamic_shifting: true", "use_dynamic_shifting"),
    ];
    for (from, to, what) in options {
        let refused = PartialConfig::parse(&preset("dit-v2-1").replacen(from, to, 1)).unwrap_err();
        assert!(matches!(&refused, Error::Unsupported { what: named, .. } if named.contains(what)), "{to}: {refused}");
    }
}

#[test]
fn networks_that_do_not_fit_together_are_refused() {
    let whole = |text: &str| checkpoint::PipelineConfig::parse(text).unwrap_err().to_string();
    let error = whole(&preset("dit-v2-0").replacen("in_channels: 64", "in_channels: 32", 1));
    assert!(error.contains("in_channels 32 is not the VAE's embed_dim 64"), "{error}");
    let error = whole(&preset("dit-v2-0").replacen("context_in_dim: 1536", "context_in_dim: 1024", 1));
    assert!(error.contains("context width 1024 is not the image encoder's hidden_size 1536"), "{error}");
}

#[test]
fn nonsense_is_refused() {
    for text in ["", "[1, 2]", "a: [", "\u{0}", "model: 3"] {
        assert!(error(text).starts_with("configuration, "), "{text:?}");
    }
    // An alias tower that would take a lifetime to write out.
    let mut tower = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..30 {
        let previous = format!("*a{}", i - 1);
        tower += &format!("a{i}: &a{i} [{}]\n", [previous.as_str(); 9].join(", "));
    }
    assert!(error(&tower).starts_with("configuration, "));
}

#[test]
fn the_second_half_has_skips_and_the_last_blocks_experts() {
    let Some(DenoiserConfig::HunYuanDiTPlain(model)) = PartialConfig::parse(&preset("dit-v2-1")).unwrap().model else {
        panic!("not 2.1")
    };
    let moe: Vec<i64> = (0..21).filter(|&i| model.is_moe(i)).collect();
    assert_eq!(moe, [15, 16, 17, 18, 19, 20]);
    let skip: Vec<i64> = (0..21).filter(|&i| model.has_skip(i)).collect();
    assert_eq!(skip, (11..21).collect::<Vec<_>>());
}

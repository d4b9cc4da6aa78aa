use super::{V2, VAE_2_1, Vae};

/// A bundle of the 2.0 family.
pub(super) fn v2(model: &V2) -> String {
    let V2 { depth: (depth, single), guidance_embed, sizes: (size, image_size), .. } = *model;
    let (processor, encoder, view_num) = match model.multi_view {
        true => ("MVImageProcessorV2", "DinoImageEncoderMV", "\n        view_num: 4"),
        false => ("ImageProcessorV2", "DinoImageEncoder", ""),
    };
    let scheduler = match model.pcm_timesteps {
        None => scheduler("hy3dgen.shapegen"),
        Some(steps) => format!(
            "\
scheduler:
  target: hy3dgen.shapegen.schedulers.ConsistencyFlowMatchEulerDiscreteScheduler
  params:
    num_train_timesteps: 1000
    pcm_timesteps: {steps}
pipeline:
  target: hy3dgen.shapegen.pipelines.Hunyuan3DDiTFlowMatchingPipeline
  params:
    num_inference_steps: 5
"
        ),
    };
    format!(
        "\
model:
  target: hy3dgen.shapegen.models.Hunyuan3DDiT
  params:
    in_channels: 64
    context_in_dim: 1536
    hidden_size: 1024
    mlp_ratio: 4.0
    num_heads: 16
    depth: {depth}
    depth_single_blocks: {single}
    axes_dim: [64]
    theta: 10000
    qkv_bias: true
    guidance_embed: {guidance_embed}
vae:
{vae}\
conditioner:
  target: hy3dgen.shapegen.models.SingleImageEncoder
  params:
    main_image_encoder:
      type: {encoder}
      kwargs:
        config:
          hidden_act: gelu
          hidden_size: 1536
          image_size: 518
          layer_norm_eps: 1.0e-06
          mlp_ratio: 4
          model_type: dinov2
          num_attention_heads: 24
          num_channels: 3
          num_hidden_layers: 40
          patch_size: 14
          qkv_bias: true
          use_swiglu_ffn: true
        image_size: {image_size}{view_num}
image_processor:
  target: hy3dgen.shapegen.preprocessors.{processor}
  params:
    size: {size}
    border_ratio: 0.15
{scheduler}",
        vae = vae(&model.vae, "  "),
    )
}

/// The 2.1 bundle.
pub(super) fn v2_1() -> String {
    format!(
        "\
model:
  target: hy3dshape.models.denoisers.hunyuandit.HunYuanDiTPlain
  params:
    input_size: 4096
    in_channels: 64
    hidden_size: 2048
    context_dim: 1024
    depth: 21
    num_heads: 16
    qk_norm: true
    qk_norm_type: rms
    qkv_bias: false
    text_len: 1370
    with_decoupled_ca: false
    use_attention_pooling: false
    use_pos_emb: false
    num_moe_layers: 6
    num_experts: 8
    moe_top_k: 2
vae:
{vae}\
conditioner:
  target: hy3dshape.models.conditioner.SingleImageEncoder
  params:
    main_image_encoder:
      type: DinoImageEncoder
      kwargs:
        config:
          hidden_act: gelu
          hidden_size: 1024
          image_size: 518
          layer_norm_eps: 1.0e-06
          mlp_ratio: 4
          model_type: dinov2
          num_attention_heads: 16
          num_channels: 3
          num_hidden_layers: 24
          patch_size: 14
          qkv_bias: true
          use_swiglu_ffn: false
        image_size: 518
        use_cls_token: true
image_processor:
  target: hy3dshape.preprocessors.ImageProcessorV2
  params:
    size: 512
    border_ratio: 0.15
{scheduler}",
        vae = vae(&VAE_2_1, "  "),
        scheduler = scheduler("hy3dshape"),
    )
}

/// A VAE's own file: `target` and `params` at the top.
pub(super) fn stand_alone_vae(config: &Vae) -> String {
    vae(config, "")
}

fn vae(config: &Vae, indent: &str) -> String {
    let Vae { num_latents, scale_factor, geo_decoder: (expand, downsample, ln_post), package, .. } = config;
    let module = if *package == "hy3dshape" { "models.autoencoders" } else { "models" };
    let mut lines = vec![
        format!("target: {package}.{module}.ShapeVAE"),
        "params:".to_owned(),
        format!("  num_latents: {num_latents}"),
        "  embed_dim: 64".to_owned(),
        "  num_freqs: 8".to_owned(),
        "  include_pi: false".to_owned(),
        "  heads: 16".to_owned(),
        "  width: 1024".to_owned(),
        "  num_decoder_layers: 16".to_owned(),
        "  qkv_bias: false".to_owned(),
        "  qk_norm: true".to_owned(),
        format!("  scale_factor: {scale_factor}"),
        format!("  geo_decoder_mlp_expand_ratio: {expand}"),
        format!("  geo_decoder_downsample_ratio: {downsample}"),
        format!("  geo_decoder_ln_post: {ln_post}"),
    ];
    if let Some(encoder) = &config.encoder {
        lines.push("  num_encoder_layers: 8".to_owned());
        lines.push("  point_feats: 4".to_owned());
        lines.push(format!("  pc_size: {}", encoder.pc_size));
        lines.push(format!("  pc_sharpedge_size: {}", encoder.pc_sharpedge_size));
        lines.push("  downsample_ratio: 20".to_owned());
    }
    lines.iter().map(|line| format!("{indent}{line}\n")).collect()
}

fn scheduler(package: &str) -> String {
    format!(
        "\
scheduler:
  target: {package}.schedulers.FlowMatchEulerDiscreteScheduler
  params:
    num_train_timesteps: 1000
pipeline:
  target: {package}.pipelines.Hunyuan3DDiTFlowMatchingPipeline
"
    )
}

use super::{Manifest, Walk};
use crate::config::VaeConfig;

/// Adds the decoder, and the encoder if the configuration describes one.
pub(super) fn add(config: &VaeConfig, prefix: &str, manifest: &mut Manifest) {
    decoder(config, &mut manifest.walk(prefix));
    let encoder_parts = ["encoder.", "pre_kl."]
        .map(|part| if prefix.is_empty() { part.to_owned() } else { format!("{prefix}.{part}") });
    if let Some(layers) = config.num_encoder_layers {
        encoder(config, layers, &mut manifest.walk(prefix));
        if config.lenient_encoder {
            manifest.optional.extend(encoder_parts);
        }
    } else if config.lenient_encoder {
        manifest.tolerated.extend(encoder_parts);
    }
}

/// Sections 9.2 and 9.3.
fn decoder(config: &VaeConfig, w: &mut Walk<'_>) {
    let width = config.width;
    w.linear("post_kl", config.embed_dim, width, true);
    for i in 0..config.num_decoder_layers {
        residual_block(config, &mut w.at(format_args!("transformer.resblocks.{i}")));
    }
    let mut w = w.at("geo_decoder");
    let inner = config.geo_decoder_width();
    w.linear("query_proj", config.fourier_width(), inner, true);
    if config.geo_decoder_downsample_ratio != 1 {
        w.linear("latents_proj", width, inner, true);
    }
    let cross = CrossBlock {
        width: inner,
        head: inner / config.geo_decoder_heads(),
        expand: config.geo_decoder_mlp_expand_ratio,
        qk_norm: config.geo_decoder_qk_norm(),
        qkv_bias: config.qkv_bias,
    };
    cross.walk(&mut w.at("cross_attn_decoder"));
    if config.geo_decoder_ln_post {
        w.layer_norm("ln_post", inner);
    }
    w.linear("output_proj", inner, 1, true);
}

/// Section 9.4.
fn encoder(config: &VaeConfig, layers: i64, w: &mut Walk<'_>) {
    let width = config.width;
    w.linear("pre_kl", width, 2 * config.embed_dim, true);
    let mut w = w.at("encoder");
    w.linear("input_proj", config.fourier_width() + config.point_feats, width, true);
    let cross =
        CrossBlock { width, head: width / config.heads, expand: 4, qk_norm: config.qk_norm, qkv_bias: config.qkv_bias };
    cross.walk(&mut w.at("cross_attn"));
    for i in 0..layers {
        residual_block(config, &mut w.at(format_args!("self_attn.resblocks.{i}")));
    }
    w.layer_norm("ln_post", width);
}

fn residual_block(config: &VaeConfig, w: &mut Walk<'_>) {
    let width = config.width;
    w.layer_norm("ln_1", width);
    w.layer_norm("ln_2", width);
    w.linear("attn.c_qkv", width, 3 * width, config.qkv_bias);
    if config.qk_norm {
        qk_norm(width / config.heads, w);
    }
    w.linear("attn.c_proj", width, width, true);
    w.linear("mlp.c_fc", width, 4 * width, true);
    w.linear("mlp.c_proj", 4 * width, width, true);
}

struct CrossBlock {
    width: i64,
    head: i64,
    expand: i64,
    qk_norm: bool,
    qkv_bias: bool,
}

impl CrossBlock {
    fn walk(&self, w: &mut Walk<'_>) {
        let width = self.width;
        for norm in ["ln_1", "ln_2", "ln_3"] {
            w.layer_norm(norm, width);
        }
        w.linear("attn.c_q", width, width, self.qkv_bias);
        w.linear("attn.c_kv", width, 2 * width, self.qkv_bias);
        if self.qk_norm {
            qk_norm(self.head, w);
        }
        w.linear("attn.c_proj", width, width, true);
        w.linear("mlp.c_fc", width, self.expand * width, true);
        w.linear("mlp.c_proj", self.expand * width, width, true);
    }
}

fn qk_norm(head: i64, w: &mut Walk<'_>) {
    w.layer_norm("attn.attention.q_norm", head);
    w.layer_norm("attn.attention.k_norm", head);
}

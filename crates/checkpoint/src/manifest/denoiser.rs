use super::{Role, Walk};
use crate::config::{DenoiserConfig, HunYuanDiTPlainConfig, Hunyuan3DDiTConfig};

pub(super) fn walk(config: &DenoiserConfig, w: &mut Walk<'_>) {
    match config {
        DenoiserConfig::Hunyuan3DDiT(config) => hunyuan3d_dit(config, w),
        DenoiserConfig::HunYuanDiTPlain(config) => hunyuan_dit_plain(config, w),
    }
}

/// Width of the sinusoidal embeddings of time and guidance in the 2.0 denoiser.
const TIME_WIDTH: i64 = 256;

/// Section 7.
fn hunyuan3d_dit(config: &Hunyuan3DDiTConfig, w: &mut Walk<'_>) {
    let d = config.hidden_size;
    let m = config.mlp_hidden();
    let head = d / config.num_heads;
    let qk_norm = |w: &mut Walk<'_>| {
        w.tensor("norm.query_norm.scale", &[head], Role::Gain);
        w.tensor("norm.key_norm.scale", &[head], Role::Gain);
    };
    w.linear("latent_in", config.in_channels, d, true);
    w.linear("cond_in", config.context_in_dim, d, true);
    w.linear("time_in.in_layer", TIME_WIDTH, d, true);
    w.linear("time_in.out_layer", d, d, true);
    if config.guidance_embed {
        w.linear("guidance_in.in_layer", TIME_WIDTH, d, true);
        w.linear("guidance_in.out_layer", d, d, true);
    }
    for i in 0..config.depth {
        let mut w = w.at(format_args!("double_blocks.{i}"));
        for stream in ["img", "txt"] {
            w.linear(&format!("{stream}_mod.lin"), d, 6 * d, true);
            w.linear(&format!("{stream}_attn.qkv"), d, 3 * d, config.qkv_bias);
            qk_norm(&mut w.at(format_args!("{stream}_attn")));
            w.linear(&format!("{stream}_attn.proj"), d, d, true);
            w.linear(&format!("{stream}_mlp.0"), d, m, true);
            w.linear(&format!("{stream}_mlp.2"), m, d, true);
        }
    }
    for i in 0..config.depth_single_blocks {
        let mut w = w.at(format_args!("single_blocks.{i}"));
        w.linear("modulation.lin", d, 3 * d, true);
        w.linear("linear1", d, 3 * d + m, true);
        w.linear("linear2", d + m, d, true);
        qk_norm(&mut w);
    }
    w.linear("final_layer.adaLN_modulation.1", d, 2 * d, true);
    w.linear("final_layer.linear", d, config.in_channels, true);
}

/// Section 8.
fn hunyuan_dit_plain(config: &HunYuanDiTPlainConfig, w: &mut Walk<'_>) {
    let d = config.hidden_size;
    w.linear("x_embedder", config.in_channels, d, true);
    w.linear("t_embedder.mlp.0", d, 4 * d, true);
    w.linear("t_embedder.mlp.2", 4 * d, d, true);
    for i in 0..config.depth {
        let mut w = w.at(format_args!("blocks.{i}"));
        for norm in ["norm1", "norm2", "norm3"] {
            w.layer_norm(norm, d);
        }
        attention(config, d, &mut w.at("attn1"));
        attention(config, config.context_dim, &mut w.at("attn2"));
        if config.has_skip(i) {
            w.linear("skip_linear", 2 * d, d, true);
            w.layer_norm("skip_norm", d);
        }
        if config.is_moe(i) {
            w.linear("moe.gate", d, config.num_experts, false);
            for e in 0..config.num_experts {
                expert(d, &mut w.at(format_args!("moe.experts.{e}")));
            }
            expert(d, &mut w.at("moe.shared_experts"));
        } else {
            w.linear("mlp.fc1", d, 4 * d, true);
            w.linear("mlp.fc2", 4 * d, d, true);
        }
    }
    w.layer_norm("final_layer.norm_final", d);
    w.linear("final_layer.linear", d, config.in_channels, true);
}

/// Keys and values come from tokens of width `context`.
fn attention(config: &HunYuanDiTPlainConfig, context: i64, w: &mut Walk<'_>) {
    let d = config.hidden_size;
    let head = d / config.num_heads;
    w.linear("to_q", d, d, config.qkv_bias);
    w.linear("to_k", context, d, config.qkv_bias);
    w.linear("to_v", context, d, config.qkv_bias);
    w.tensor("q_norm.weight", &[head], Role::Gain);
    w.tensor("k_norm.weight", &[head], Role::Gain);
    w.linear("out_proj", d, d, true);
}

fn expert(d: i64, w: &mut Walk<'_>) {
    w.linear("net.0.proj", d, 4 * d, true);
    w.linear("net.2", 4 * d, d, true);
}

use super::{Role, Walk};
use crate::config::Dinov2Config;

/// DINOv2, section 6.2.
pub(super) fn walk(config: &Dinov2Config, w: &mut Walk<'_>) {
    let h = config.hidden_size;
    let f = config.mlp_hidden();
    let patch = config.patch_size;
    w.tensor("embeddings.cls_token", &[1, 1, h], Role::Embedding);
    w.unused("embeddings.mask_token", &[1, h], Role::Embedding);
    w.tensor("embeddings.position_embeddings", &[1, 1 + config.positions(), h], Role::Embedding);
    w.tensor("embeddings.patch_embeddings.projection.weight", &[h, config.num_channels, patch, patch], Role::Weight);
    w.tensor("embeddings.patch_embeddings.projection.bias", &[h], Role::Bias);
    for i in 0..config.num_hidden_layers {
        let mut w = w.at(format_args!("encoder.layer.{i}"));
        w.layer_norm("norm1", h);
        w.layer_norm("norm2", h);
        for part in ["query", "key", "value"] {
            w.linear(&format!("attention.attention.{part}"), h, h, config.qkv_bias);
        }
        w.linear("attention.output.dense", h, h, true);
        w.tensor("layer_scale1.lambda1", &[h], Role::Gain);
        w.tensor("layer_scale2.lambda1", &[h], Role::Gain);
        if config.use_swiglu_ffn {
            w.linear("mlp.weights_in", h, 2 * f, true);
            w.linear("mlp.weights_out", f, h, true);
        } else {
            w.linear("mlp.fc1", h, f, true);
            w.linear("mlp.fc2", f, h, true);
        }
    }
    w.layer_norm("layernorm", h);
}

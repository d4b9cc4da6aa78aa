use tch::Tensor;

/// `softmax(q k^T / sqrt(d)) v`, no mask, no dropout. `q` [B, H, Lq, d], `k` and `v` [B, H, Lk, d] -> [B, H, Lq, d].
pub fn scaled_dot_product_attention(q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    biased_attention(q, k, v, None)
}

/// As [`scaled_dot_product_attention`], with `bias`, which broadcasts to [B, H, Lq, Lk], on the scaled scores.
pub fn biased_attention(q: &Tensor, k: &Tensor, v: &Tensor, bias: Option<&Tensor>) -> Tensor {
    Tensor::scaled_dot_product_attention(q, k, v, bias, 0.0, false, None, false)
}

/// Puts the heads of each token side by side, head-major: [B, H, L, d] -> [B, L, H d].
pub fn merge_heads(x: &Tensor) -> Tensor {
    x.transpose(1, 2).flatten(2, 3)
}

use tch::Tensor;

/// `softmax(q k^T / sqrt(d)) v`, no mask, no dropout. `q` [B, H, Lq, d], `k` and `v` [B, H, Lk, d] -> [B, H, Lq, d].
pub fn scaled_dot_product_attention(q: &Tensor, k: &Tensor, v: &Tensor) -> Tensor {
    Tensor::scaled_dot_product_attention::<Tensor>(q, k, v, None, 0.0, false, None, false)
}

/// Puts the heads of each token side by side, head-major: [B, H, L, d] -> [B, L, H d].
pub fn merge_heads(x: &Tensor) -> Tensor {
    x.transpose(1, 2).flatten(2, 3)
}

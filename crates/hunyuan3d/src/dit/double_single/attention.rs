use tch::Tensor;

use super::EPS;
use crate::error::Error;
use crate::layers::{Linear, RmsNorm};
use crate::weights::Weights;

/// Cuts packed projections into q, k, v and normalises q and k per head.
#[derive(Debug)]
pub(super) struct QkNorm {
    /// `query_norm.scale` and `key_norm.scale`, stacked: [2, 1, d].
    norm: RmsNorm,
    num_heads: i64,
    head_dim: i64,
}

/// Queries, keys and values, each [B, H, L, d].
pub(super) struct Qkv {
    pub(super) q: Tensor,
    pub(super) k: Tensor,
    pub(super) v: Tensor,
}

impl QkNorm {
    pub(super) fn new(w: &Weights, num_heads: i64, head_dim: i64) -> Result<QkNorm, Error> {
        let scale = |name: &str| (w / name).tensor("scale", &[head_dim]);
        let scales = Tensor::stack(&[scale("query_norm")?, scale("key_norm")?], 0); // [2, d]
        Ok(QkNorm { norm: RmsNorm::new(scales.unsqueeze(1), EPS)?, num_heads, head_dim })
    }

    /// `qkv` [B, L, 3 D or more], of which the first 3 D features are laid out as (K H D).
    pub(super) fn forward(&self, qkv: &Tensor) -> Qkv {
        let (b, l) = (qkv.size()[0], qkv.size()[1]);
        let part = |from: i64, parts: i64| {
            let width = self.num_heads * self.head_dim;
            qkv.narrow(-1, from * width, parts * width).view([b, l, parts, self.num_heads, self.head_dim])
        };
        let qk = self.norm.forward(&part(0, 2)); // [B, L, 2, H, d]
        let heads_first = |x: Tensor| x.transpose(1, 2); // [B, L, H, d] -> [B, H, L, d]
        Qkv {
            q: heads_first(qk.select(2, 0)),
            k: heads_first(qk.select(2, 1)),
            v: heads_first(part(2, 1).squeeze_dim(2)),
        }
    }
}

/// The attention weights of one stream of a double block.
#[derive(Debug)]
pub(super) struct StreamAttention {
    qkv: Linear,
    norm: QkNorm,
    pub(super) proj: Linear,
}

impl StreamAttention {
    pub(super) fn new(w: &Weights, dim: i64, num_heads: i64, qkv_bias: bool) -> Result<StreamAttention, Error> {
        Ok(StreamAttention {
            qkv: Linear::new(w / "qkv", dim, 3 * dim, qkv_bias)?,
            norm: QkNorm::new(&(w / "norm"), num_heads, dim / num_heads)?,
            proj: Linear::new(w / "proj", dim, dim, true)?,
        })
    }

    /// `x` [B, L, D].
    pub(super) fn qkv(&self, x: &Tensor) -> Qkv {
        self.norm.forward(&self.qkv.forward(x))
    }
}

use checkpoint::config::HunYuanDiTPlainConfig;
use tch::Tensor;

use super::EPS;
use crate::error::Error;
use crate::layers::{Linear, RmsNorm, merge_heads, scaled_dot_product_attention};
use crate::weights::Weights;

/// Self attention.
///
/// The released network concatenates q, k, v as (K H D) and cuts the result as (H K D), which mixes the three across
/// heads (section 8). Here the projections' rows are put in that order once, at load, and q, k, v come out as usual.
#[derive(Debug)]
pub(super) struct SelfAttention {
    /// To (K H D).
    to_qkv: Linear,
    /// `q_norm` and `k_norm`, stacked: [2, 1, d].
    qk_norm: RmsNorm,
    out_proj: Linear,
    num_heads: i64,
}

impl SelfAttention {
    pub(super) fn new(w: &Weights, config: &HunYuanDiTPlainConfig) -> Result<SelfAttention, Error> {
        let (dim, num_heads) = (config.hidden_size, config.num_heads);
        let head_dim = dim / num_heads;
        let scale = |name: &str| (w / name).tensor("weight", &[head_dim]);
        Ok(SelfAttention {
            to_qkv: interleaved(w, &["to_q", "to_k", "to_v"], dim, config)?,
            qk_norm: RmsNorm::new(Tensor::stack(&[scale("q_norm")?, scale("k_norm")?], 0).unsqueeze(1), EPS)?,
            out_proj: Linear::new(w / "out_proj", dim, dim, true)?,
            num_heads,
        })
    }

    /// `x` [B, S, D] -> [B, S, D].
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        let (b, s) = (x.size()[0], x.size()[1]);
        let qkv = self.to_qkv.forward(x).view([b, s, 3, self.num_heads, -1]);
        let qk = self.qk_norm.forward(&qkv.narrow(2, 0, 2)); // [B, S, 2, H, d]
        let heads_first = |x: Tensor| x.transpose(1, 2); // [B, S, H, d] -> [B, H, S, d]
        let (q, k) = (heads_first(qk.select(2, 0)), heads_first(qk.select(2, 1)));
        let v = heads_first(qkv.select(2, 2));
        self.out_proj.forward(&merge_heads(&scaled_dot_product_attention(&q, &k, &v)))
    }
}

/// Cross attention to the context.
#[derive(Debug)]
pub(super) struct CrossAttention {
    to_q: Linear,
    /// To (K H D), rows put in order as in [`SelfAttention`].
    to_kv: Linear,
    q_norm: RmsNorm,
    k_norm: RmsNorm,
    out_proj: Linear,
    num_heads: i64,
    of_zeros: Tensor,
}

impl CrossAttention {
    pub(super) fn new(w: &Weights, config: &HunYuanDiTPlainConfig) -> Result<CrossAttention, Error> {
        let (dim, num_heads) = (config.hidden_size, config.num_heads);
        let head_dim = dim / num_heads;
        let norm = |name: &str| RmsNorm::new((w / name).tensor("weight", &[head_dim])?, EPS);
        let to_kv = interleaved(w, &["to_k", "to_v"], config.context_dim, config)?;
        let out_proj = Linear::new(w / "out_proj", dim, dim, true)?;
        let zeros = to_kv.forward(&Tensor::zeros([config.context_dim], (w.kind(), w.device()))); // [2 D]
        Ok(CrossAttention {
            to_q: Linear::new(w / "to_q", dim, dim, config.qkv_bias)?,
            of_zeros: out_proj.forward(&zeros.narrow(0, dim, dim)),
            to_kv,
            q_norm: norm("q_norm")?,
            k_norm: norm("k_norm")?,
            out_proj,
            num_heads,
        })
    }

    /// `x` [B, S, D], `context` [B, T, X] -> [B, S, D].
    pub(super) fn forward(&self, x: &Tensor, context: &Tensor) -> Tensor {
        let (b, s, t) = (x.size()[0], x.size()[1], context.size()[1]);
        let heads_first = |x: Tensor| x.transpose(1, 2); // [B, L, H, d] -> [B, H, L, d]
        let q = heads_first(self.q_norm.forward(&self.to_q.forward(x).view([b, s, self.num_heads, -1])));
        let kv = self.to_kv.forward(context).view([b, t, 2, self.num_heads, -1]);
        let k = heads_first(self.k_norm.forward(&kv.select(2, 0)));
        let v = heads_first(kv.select(2, 1));
        self.out_proj.forward(&merge_heads(&scaled_dot_product_attention(&q, &k, &v)))
    }

    /// The result of [`CrossAttention::forward`] for a context of zeros, `[D]`. It does not depend on `x`: all values are
    /// equal, so the attention weights have no effect.
    pub(super) fn of_zeros(&self) -> &Tensor {
        &self.of_zeros
    }
}

/// The projections `names`, each `input` -> D, as one whose output is laid out as (K H D).
fn interleaved(w: &Weights, names: &[&str], input: i64, config: &HunYuanDiTPlainConfig) -> Result<Linear, Error> {
    let (dim, num_heads, parts) = (config.hidden_size, config.num_heads, names.len() as i64);
    let reorder = |tensors: Vec<Tensor>| {
        let rows = Tensor::cat(&tensors, 0).view([num_heads, parts, dim / num_heads, -1]); // (H K D) x input
        rows.transpose(0, 1).reshape([parts * dim, -1])
    };
    let read = |tensor: &str, shape: &[i64]| {
        names.iter().map(|name| (w / name).tensor(tensor, shape)).collect::<Result<Vec<_>, _>>()
    };
    let weight = reorder(read("weight", &[dim, input])?);
    let bias = if config.qkv_bias { Some(reorder(read("bias", &[dim])?).view(-1)) } else { None };
    Ok(Linear::from_tensors(weight, bias))
}

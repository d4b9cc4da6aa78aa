use checkpoint::config::Hunyuan3DDiTConfig;
use tch::Tensor;

use super::attention::{QkNorm, Qkv};
use super::modulation::Modulation;
use crate::error::Error;
use crate::layers::{Linear, biased_attention};
use crate::probe::Probe;
use crate::weights::Weights;

/// A block on context and latents joined: attention and MLP side by side, from one projection and into one.
#[derive(Debug)]
pub(super) struct SingleStreamBlock {
    i: i64,
    /// D -> q, k, v (D each, laid out as (K H D)) and the MLP's hidden layer (M).
    linear1: Linear,
    /// Attention (D) and hidden layer (M) -> D.
    linear2: Linear,
    norm: QkNorm,
    dim: i64,
    mlp_hidden: i64,
}

impl SingleStreamBlock {
    pub(super) fn new(i: i64, config: &Hunyuan3DDiTConfig, w: &Weights) -> Result<SingleStreamBlock, Error> {
        let (dim, mlp_hidden) = (config.hidden_size, config.mlp_hidden());
        Ok(SingleStreamBlock {
            i,
            linear1: Linear::new(w / "linear1", dim, 3 * dim + mlp_hidden, true)?,
            linear2: Linear::new(w / "linear2", dim + mlp_hidden, dim, true)?,
            norm: QkNorm::new(&(w / "norm"), config.num_heads, dim / config.num_heads)?,
            dim,
            mlp_hidden,
        })
    }

    /// `z` [B, S, D], context tokens first; changed in place. `bias` on the attention scores.
    pub(super) fn forward(&self, z: &mut Tensor, m: &Modulation, bias: Option<&Tensor>, probe: Probe<'_>) {
        let (i, dim) = (self.i, self.dim);
        let (b, s) = (z.size()[0], z.size()[1]);
        let y = self.linear1.forward(&m.affine.apply(z)); // [B, S, 3 D + M]
        probe.see(format_args!("single{i}.linear1"), &y);

        let Qkv { q, k, v } = self.norm.forward(&y);
        let attn = biased_attention(&q, &k, &v, bias); // [B, H, S, d]
        let _ = y.narrow(-1, 3 * dim, self.mlp_hidden).gelu_("tanh");
        // `v` is no longer needed, and its slice precedes the slice of the MLP's hidden layer: the output of the attention
        // is written there, and `linear2` reads both without a concatenation.
        let mut values = y.narrow(-1, 2 * dim, dim);
        values.copy_(&attn.transpose(1, 2).flatten(2, 3));
        let both = y.view([b * s, 3 * dim + self.mlp_hidden]).narrow(-1, 2 * dim, dim + self.mlp_hidden);
        m.add_to(z, &self.linear2.forward(&both).view([b, s, dim]));
        probe.see(format_args!("single{i}"), z);
    }
}

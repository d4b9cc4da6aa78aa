use checkpoint::config::HunYuanDiTPlainConfig;
use tch::Tensor;

use super::EPS;
use super::attention::{CrossAttention, SelfAttention};
use super::feed_forward::{FeedForward, MixtureOfExperts};
use crate::error::Error;
use crate::layers::{LayerNorm, Linear};
use crate::probe::Probe;
use crate::weights::Weights;

/// A block: the skip connection if it is in the second half, self attention, cross attention, feed-forward part.
#[derive(Debug)]
pub(super) struct Block {
    i: i64,
    skip: Option<Skip>,
    norm1: LayerNorm,
    attn1: SelfAttention,
    norm2: LayerNorm,
    attn2: CrossAttention,
    norm3: LayerNorm,
    ffn: Ffn,
}

/// Joins the output of an earlier block; the norm comes after the linear layer.
#[derive(Debug)]
struct Skip {
    skip_linear: Linear,
    skip_norm: LayerNorm,
}

#[derive(Debug)]
enum Ffn {
    Mlp(FeedForward),
    Moe(MixtureOfExperts),
}

impl Block {
    pub(super) fn new(i: i64, config: &HunYuanDiTPlainConfig, w: &Weights) -> Result<Block, Error> {
        let dim = config.hidden_size;
        let skip = || -> Result<Skip, Error> {
            Ok(Skip {
                skip_linear: Linear::new(w / "skip_linear", 2 * dim, dim, true)?,
                skip_norm: LayerNorm::new(w / "skip_norm", dim, EPS)?,
            })
        };
        Ok(Block {
            i,
            skip: config.has_skip(i).then(skip).transpose()?,
            norm1: LayerNorm::new(w / "norm1", dim, EPS)?,
            attn1: SelfAttention::new(&(w / "attn1"), config)?,
            norm2: LayerNorm::new(w / "norm2", dim, EPS)?,
            attn2: CrossAttention::new(&(w / "attn2"), config)?,
            norm3: LayerNorm::new(w / "norm3", dim, EPS)?,
            ffn: if config.is_moe(i) {
                Ffn::Moe(MixtureOfExperts::new(i, &(w / "moe"), config)?)
            } else {
                Ffn::Mlp(FeedForward::new(&(w / "mlp"), ["fc1", "fc2"], dim)?)
            },
        })
    }

    /// `x` [B, 1 + L, D] with the time token first, `skip` likewise, `context` [Bc, T, X] -> [B, 1 + L, D].
    pub(super) fn forward(&self, x: Tensor, skip: Option<&Tensor>, context: &Tensor, probe: Probe<'_>) -> Tensor {
        let i = self.i;
        let x = match (&self.skip, skip) {
            (Some(Skip { skip_linear, skip_norm }), Some(skip)) => {
                let joined = skip_linear.forward(&Tensor::cat(&[skip, &x], -1));
                let x = skip_norm.forward(&joined);
                probe.see(format_args!("block{i}.skip_linear"), &joined);
                probe.see(format_args!("block{i}.skip_norm"), &x);
                x
            }
            _ => x,
        };

        let normed = self.norm1.forward(&x);
        let attn1 = self.attn1.forward(&normed);
        probe.see(format_args!("block{i}.norm1"), &normed);
        probe.see(format_args!("block{i}.attn1"), &attn1);
        // Not in place: the input may be kept for a skip connection. The sum is a new tensor, changed in place below.
        let mut x = attn1 + x;

        let (rows, with_context) = (x.size()[0], context.size()[0]);
        if with_context > 0 {
            let mut conditional = x.narrow(0, 0, with_context);
            let attn2 = self.attn2.forward(&self.norm2.forward(&conditional), context);
            probe.see(format_args!("block{i}.attn2"), &attn2);
            conditional += attn2;
        }
        if rows > with_context {
            let mut unconditional = x.narrow(0, with_context, rows - with_context);
            unconditional += self.attn2.of_zeros();
        }

        let normed = self.norm3.forward(&x);
        x += match &self.ffn {
            Ffn::Mlp(mlp) => {
                let y = mlp.forward(&normed);
                probe.see(format_args!("block{i}.mlp"), &y);
                y
            }
            Ffn::Moe(moe) => moe.forward(&normed, probe),
        };
        probe.see(format_args!("block{i}"), &x);
        x
    }
}

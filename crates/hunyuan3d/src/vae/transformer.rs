//! A stack of self-attention blocks (specification section 9.2).

use tch::Tensor;

use super::attention::{BlockConfig, SelfAttentionBlock};
use crate::error::Error;
use crate::probe::Probe;
use crate::weights::Weights;

/// `resblocks.0 .. resblocks.n-1`, one after the other, without a final norm.
#[derive(Debug)]
pub(crate) struct Transformer {
    resblocks: Vec<SelfAttentionBlock>,
}

impl Transformer {
    pub(crate) fn new(w: &Weights, layers: i64, config: BlockConfig) -> Result<Transformer, Error> {
        let resblocks = &(w / "resblocks");
        let resblocks =
            (0..layers).map(|i| SelfAttentionBlock::new(&(resblocks / i), config)).collect::<Result<_, _>>()?;
        Ok(Transformer { resblocks })
    }

    /// `x` [B, N, W] -> [B, N, W]. Shows `resblock{i}.attn` and `resblock{i}`.
    pub(crate) fn forward(&self, x: Tensor, probe: Probe<'_>) -> Tensor {
        self.resblocks.iter().enumerate().fold(x, |x, (i, block)| block.forward(&x, format_args!("resblock{i}"), probe))
    }
}

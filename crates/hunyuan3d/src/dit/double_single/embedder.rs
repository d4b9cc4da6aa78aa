use tch::Tensor;

use crate::error::Error;
use crate::layers::Linear;
use crate::weights::Weights;

/// `out_layer(SiLU(in_layer(x)))`, for time and guidance.
#[derive(Debug)]
pub(super) struct Embedder {
    in_layer: Linear,
    out_layer: Linear,
}

impl Embedder {
    pub(super) fn new(w: &Weights, input: i64, dim: i64) -> Result<Embedder, Error> {
        Ok(Embedder {
            in_layer: Linear::new(w / "in_layer", input, dim, true)?,
            out_layer: Linear::new(w / "out_layer", dim, dim, true)?,
        })
    }

    /// `x` [B, input] -> [B, D].
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        self.out_layer.forward(&self.in_layer.forward(x).silu_())
    }
}

use tch::Tensor;

use crate::error::Error;
use crate::weights::Weights;

/// Layer norm over the last dimension, biased variance.
#[derive(Debug)]
pub struct LayerNorm {
    weight: Option<Tensor>,
    bias: Option<Tensor>,
    dim: i64,
    eps: f64,
}

impl LayerNorm {
    /// The affine kind: reads `weight` and `bias`, both `[dim]`.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or misshapen.
    pub fn new(w: Weights, dim: i64, eps: f64) -> Result<LayerNorm, Error> {
        let (weight, bias) = (w.tensor("weight", &[dim])?, w.tensor("bias", &[dim])?);
        Ok(LayerNorm { weight: Some(weight), bias: Some(bias), dim, eps })
    }

    /// The plain kind, without parameters.
    pub fn plain(dim: i64, eps: f64) -> LayerNorm {
        LayerNorm { weight: None, bias: None, dim, eps }
    }

    /// `x` [.., dim] -> the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.layer_norm([self.dim], self.weight.as_ref(), self.bias.as_ref(), self.eps, true)
    }
}

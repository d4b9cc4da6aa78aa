use tch::Tensor;

use crate::error::Error;
use crate::weights::Weights;

/// `y = x W^T + b`.
#[derive(Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// Reads `weight` [output, input] and, if `bias`, `bias` `[output]`.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or misshapen.
    pub fn new(w: Weights, input: i64, output: i64, bias: bool) -> Result<Linear, Error> {
        let weight = w.tensor("weight", &[output, input])?;
        let bias = bias.then(|| w.tensor("bias", &[output])).transpose()?;
        Ok(Linear::from_tensors(weight, bias))
    }

    /// From tensors: `weight` [output, input], `bias` `[output]`.
    pub fn from_tensors(weight: Tensor, bias: Option<Tensor>) -> Linear {
        Linear { weight, bias }
    }

    /// `x` [.., input] -> [.., output].
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight, self.bias.as_ref())
    }

    /// The output for an input of zeros, `[output]`.
    pub fn of_zeros(&self) -> Tensor {
        match &self.bias {
            Some(bias) => bias.shallow_clone(),
            None => self.weight.select(1, 0).zeros_like(),
        }
    }

    /// The weight [output, input].
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias `[output]`, if there is one.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}

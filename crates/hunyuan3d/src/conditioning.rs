//! The encoded images of a sample.

use tch::Tensor;

/// Context tokens, on the model's device.
#[derive(Debug)]
pub struct Conditioning {
    /// [1, T, X].
    context: Tensor,
}

impl Conditioning {
    /// From context tokens [1, T, X].
    pub fn new(context: Tensor) -> Conditioning {
        Conditioning { context }
    }

    /// Context tokens [1, T, X].
    pub fn context(&self) -> &Tensor {
        &self.context
    }
}

//! Matrix products on a tile of points.

use tch::{Kind, Tensor};

use super::lanes::Row;

/// Outputs that are computed together: with their sums in registers, each value of a tile is loaded once for all.
const TOGETHER: usize = 8;

/// A matrix, packed so that a product reads it from front to end.
#[derive(Debug)]
pub(super) struct Matrix {
    outputs: usize,
    inputs: usize,
    /// For each `TOGETHER` outputs (the last with zeros for those beyond), for each input: their weights.
    panels: Vec<[f32; TOGETHER]>,
}

impl Matrix {
    /// From `weight` [outputs, inputs].
    pub(super) fn new(weight: &Tensor) -> Matrix {
        let (outputs, inputs) = (weight.size()[0] as usize, weight.size()[1] as usize);
        let values = super::floats(weight);
        let mut panels = Vec::with_capacity(outputs.div_ceil(TOGETHER) * inputs);
        for first in (0..outputs).step_by(TOGETHER) {
            panels.extend((0..inputs).map(|input| {
                std::array::from_fn(|o| if first + o < outputs { values[(first + o) * inputs + input] } else { 0.0 })
            }));
        }
        Matrix { outputs, inputs, panels }
    }

    /// Multiplies `x`, a row for each input, and passes each output to `store`.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn multiply(&self, x: &[Row], mut store: impl FnMut(usize, Row)) {
        assert_eq!(x.len(), self.inputs, "as many rows as inputs");
        for (n, panel) in self.panels.chunks_exact(self.inputs).enumerate() {
            let mut sums = [Row::splat(0.0); TOGETHER];
            for (weights, &x) in panel.iter().zip(x) {
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum = x.mul_add(Row::splat(weight), *sum);
                }
            }
            for (o, sum) in sums.into_iter().enumerate() {
                if n * TOGETHER + o < self.outputs {
                    store(n * TOGETHER + o, sum);
                }
            }
        }
    }
}

/// A linear layer whose input is scaled by `gain` and shifted by `shift` first, as one matrix and bias.
pub(super) fn after_affine(weight: &Tensor, bias: &Tensor, gain: &Tensor, shift: &Tensor) -> (Tensor, Tensor) {
    let [weight, bias, gain, shift] = [weight, bias, gain, shift].map(|t| t.to_kind(Kind::Double));
    (&weight * gain, bias + weight.mv(&shift))
}

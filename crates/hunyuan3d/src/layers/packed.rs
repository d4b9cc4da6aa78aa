//! A small linear layer on one thread, for processors with AVX-512.
//!
//! libtorch's product packs its operands anew at every call, which with the few tokens of a row takes a fifth of its
//! time. Here the weights are packed once.

use std::arch::x86_64::*;

use tch::{Device, Kind, Tensor};

/// Rows of the input that are multiplied together, and vectors of outputs: 24 sums, kept in registers.
const ROWS: usize = 6;
const VECTORS: usize = 4;
const LANES: usize = 16;
const OUTPUTS: usize = VECTORS * LANES;

/// Larger layers have work enough for the packing not to count, and would be kept twice.
const MOST_WEIGHTS: i64 = 1 << 19;

/// Weight and bias.
#[derive(Debug)]
pub(super) struct Packed {
    inputs: usize,
    outputs: usize,
    /// For each `OUTPUTS` outputs (the last with zeros for those beyond), for each input: their weights.
    panels: Vec<[f32; OUTPUTS]>,
    /// Likewise.
    bias: Vec<[f32; OUTPUTS]>,
}

impl Packed {
    /// Of `weight` [output, input]; `None` if libtorch's product is to be used.
    pub(super) fn new(weight: &Tensor, bias: Option<&Tensor>) -> Option<Packed> {
        let here = weight.device() == Device::Cpu && weight.kind() == Kind::Float;
        if !here || weight.numel() as i64 > MOST_WEIGHTS || !is_x86_feature_detected!("avx512f") {
            return None;
        }
        let (outputs, inputs) = weight.size2().ok()?;
        let missing = (OUTPUTS as i64 - outputs % OUTPUTS as i64) % OUTPUTS as i64;
        let panels = weight.constant_pad_nd([0, 0, 0, missing]).view([-1, OUTPUTS as i64, inputs]).transpose(1, 2);
        let bias = bias.map_or_else(|| weight.new_zeros([outputs], (Kind::Float, Device::Cpu)), Tensor::shallow_clone);
        Some(Packed {
            inputs: inputs as usize,
            outputs: outputs as usize,
            panels: chunks(&panels),
            bias: chunks(&bias.constant_pad_nd([0, missing])),
        })
    }

    /// `x` [.., input] -> [.., output]; `None` if it is not laid out in rows.
    pub(super) fn forward(&self, x: &Tensor) -> Option<Tensor> {
        let mut shape = x.size();
        let rows = match shape.as_slice() {
            [1, _, _] => x.squeeze_dim(0),
            [_, _] => x.shallow_clone(),
            _ if x.is_contiguous() => x.view([-1, self.inputs as i64]),
            _ => return None,
        };
        let (count, inputs) = rows.size2().ok()?;
        let strides = rows.stride();
        if rows.kind() != Kind::Float || inputs != self.inputs as i64 || strides[1] != 1 || strides[0] < inputs {
            return None;
        }
        *shape.last_mut()? = self.outputs as i64;
        let y = Tensor::empty(shape, (Kind::Float, Device::Cpu));
        let (count, stride) = (count as usize, strides[0] as usize);
        if count > 0 {
            // SAFETY: both tensors are on the CPU and of float32, `x` has `count` rows of `inputs` values, `stride` apart,
            // and `y` is new and contiguous, so nothing else refers to its values.
            let (x, y) = unsafe {
                let len = (count - 1) * stride + self.inputs;
                (
                    std::slice::from_raw_parts(rows.data_ptr().cast::<f32>(), len),
                    std::slice::from_raw_parts_mut(y.data_ptr().cast::<f32>(), count * self.outputs),
                )
            };
            // SAFETY: there are packed weights only where there is AVX-512.
            unsafe { self.multiply(x, stride, y) };
        }
        Some(y)
    }

    #[target_feature(enable = "avx512f")]
    fn multiply(&self, x: &[f32], stride: usize, y: &mut [f32]) {
        let count = y.len() / self.outputs;
        for (n, (panel, bias)) in self.panels.chunks_exact(self.inputs).zip(&self.bias).enumerate() {
            let columns = n * OUTPUTS..self.outputs.min((n + 1) * OUTPUTS);
            for first in (0..count).step_by(ROWS) {
                // A last, shorter group is filled up with its last row.
                let row = |r: usize| (first + r).min(count - 1);
                let sums = product(panel, bias, std::array::from_fn(|r| &x[row(r) * stride..][..self.inputs]));
                for (r, sums) in sums.into_iter().enumerate().take(count - first) {
                    let y = &mut y[row(r) * self.outputs..][columns.clone()];
                    for (y, sum) in y.chunks_mut(LANES).zip(sums) {
                        // SAFETY: only lanes that have a place are stored.
                        unsafe { _mm512_mask_storeu_ps(y.as_mut_ptr(), (!0_u16) >> (LANES - y.len()), sum) };
                    }
                }
            }
        }
    }
}

/// Bias and products of some rows with one panel.
#[target_feature(enable = "avx512f")]
#[inline]
fn product(panel: &[[f32; OUTPUTS]], bias: &[f32; OUTPUTS], rows: [&[f32]; ROWS]) -> [[__m512; VECTORS]; ROWS] {
    let mut sums = [load(bias); ROWS];
    for (input, weights) in panel.iter().enumerate() {
        let weights = load(weights);
        for (sums, row) in sums.iter_mut().zip(rows) {
            // SAFETY: a row has as many values as a panel.
            let value = _mm512_set1_ps(unsafe { *row.get_unchecked(input) });
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = _mm512_fmadd_ps(value, weights, *sum);
            }
        }
    }
    sums
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(values: &[f32; OUTPUTS]) -> [__m512; VECTORS] {
    // SAFETY: the vectors lie within the values.
    std::array::from_fn(|v| unsafe { _mm512_loadu_ps(values[v * LANES..].as_ptr()) })
}

fn chunks(tensor: &Tensor) -> Vec<[f32; OUTPUTS]> {
    let mut values = vec![0.0; tensor.numel()];
    tensor.contiguous().copy_data(&mut values, tensor.numel());
    values.as_chunks().0.to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_multiplies_as_libtorch_does() {
        tch::manual_seed(4);
        let random = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
        for (inputs, outputs, rows) in [(256, 768, 210), (5, 64, 6), (40, 70, 13), (16, 1, 1), (8, 130, 0)] {
            let (weight, bias) = (random(&[outputs, inputs]), random(&[outputs]));
            let wide = random(&[rows, inputs + 3]);
            let narrow = wide.narrow(1, 2, inputs);
            for (x, bias) in [(narrow.copy(), None), (narrow.copy().unsqueeze(0), Some(&bias)), (narrow, Some(&bias))] {
                let Some(packed) = Packed::new(&weight, bias) else {
                    assert!(!is_x86_feature_detected!("avx512f"));
                    continue; // nothing to compare on this processor
                };
                let (got, want) = (packed.forward(&x).expect("rows"), x.linear(&weight, bias));
                assert_eq!(got.size(), want.size());
                assert!(rows == 0 || (got - want).abs().max().double_value(&[]) < 1e-4);
            }
        }
    }
}

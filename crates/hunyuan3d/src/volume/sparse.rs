//! Lattices of which only some points have been evaluated, and their way to the host.

use model::Values;
use tch::{Device, Kind, Tensor};

/// The evaluated points of an n^3 lattice: row-major indices (int64 `[P]`) and logits (float32 `[P]`), on the model's
/// device.
pub(super) struct Sparse {
    pub(super) points: i64,
    pub(super) index: Tensor,
    pub(super) values: Tensor,
}

impl Sparse {
    /// As a grid [n, n, n] on the device, NaN where not evaluated.
    pub(super) fn to_grid(&self) -> Tensor {
        let n = self.points;
        let mut grid = Tensor::full([n * n * n], f64::NAN, (Kind::Float, self.values.device()));
        let _ = grid.index_copy_(0, &self.index, &self.values);
        grid.view([n, n, n])
    }

    /// The evaluated points in main memory.
    pub(super) fn to_host(&self) -> Values {
        let values = to_host(&self.values);
        // A lattice has fewer than 2^31 points (`DecodeOptions::MAX_RESOLUTION`).
        let narrow = self.index.to_kind(Kind::Int).to_device(Device::Cpu);
        let mut index = vec![0_i32; values.len()];
        narrow.copy_data(&mut index, values.len());
        Values::Sparse { index: index.into_iter().map(|at| at as u32).collect(), values }
    }
}

/// A float32 tensor's values, in row-major order.
pub(super) fn to_host(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.contiguous().to_device(Device::Cpu);
    let mut values = vec![0.0; tensor.numel()];
    tensor.copy_data(&mut values, tensor.numel());
    values
}

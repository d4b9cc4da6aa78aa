//! The coordinates of a lattice.

use model::Bounds;
use tch::{Device, Kind, Tensor};

/// Coordinates of the R + 1 lattice points of each axis, float32: evenly from both ends, as the coarsest level has them.
pub(super) fn linspace(bounds: &Bounds, resolution: u32, device: Device) -> [Tensor; 3] {
    std::array::from_fn(|axis| {
        let (min, max) = (f64::from(bounds.min[axis]), f64::from(bounds.max[axis]));
        Tensor::linspace(min, max, i64::from(resolution) + 1, (Kind::Double, Device::Cpu))
            .to_kind(Kind::Float)
            .to_device(device)
    })
}

/// The same coordinates up to rounding, as refinement has them: index * step + min.
pub(super) fn steps(bounds: &Bounds, resolution: u32, device: Device) -> [Tensor; 3] {
    std::array::from_fn(|axis| {
        let step = (bounds.max[axis] - bounds.min[axis]) / resolution as f32;
        let index = Tensor::arange(i64::from(resolution) + 1, (Kind::Float, Device::Cpu));
        (index * f64::from(step) + f64::from(bounds.min[axis])).to_device(device)
    })
}

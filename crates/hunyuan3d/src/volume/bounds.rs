//! The box that a field covers, and the coordinates of its lattice.

use tch::{Device, Kind, Tensor};

/// An axis-aligned box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Smallest x, y, z.
    pub min: [f32; 3],
    /// Largest x, y, z.
    pub max: [f32; 3],
}

impl Bounds {
    /// The cube [-half, half]^3.
    pub const fn cube(half: f32) -> Bounds {
        Bounds { min: [-half; 3], max: [half; 3] }
    }

    /// Coordinates of the R + 1 lattice points of each axis, float32: evenly from both ends, as the coarsest level has
    /// them.
    pub(crate) fn linspace(&self, resolution: u32, device: Device) -> [Tensor; 3] {
        std::array::from_fn(|axis| {
            let (min, max) = (f64::from(self.min[axis]), f64::from(self.max[axis]));
            Tensor::linspace(min, max, i64::from(resolution) + 1, (Kind::Double, Device::Cpu))
                .to_kind(Kind::Float)
                .to_device(device)
        })
    }

    /// The same coordinates up to rounding, as refinement has them: index * step + min.
    pub(crate) fn steps(&self, resolution: u32, device: Device) -> [Tensor; 3] {
        std::array::from_fn(|axis| {
            let step = (self.max[axis] - self.min[axis]) / resolution as f32;
            let index = Tensor::arange(i64::from(resolution) + 1, (Kind::Float, Device::Cpu));
            (index * f64::from(step) + f64::from(self.min[axis])).to_device(device)
        })
    }
}

impl Default for Bounds {
    /// The box of the released models, [-1.01, 1.01]^3.
    fn default() -> Bounds {
        Bounds::cube(1.01)
    }
}

//! Fields and meshes to test with.

use mesh::{Grid, Mesh, extract_surface, to_world};
use proptest::prelude::*;

/// A field on a grid, owned.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub(crate) values: Vec<f32>,
    pub(crate) shape: [usize; 3],
}

impl Field {
    /// Samples a function of the grid indices.
    pub(crate) fn sample(shape: [usize; 3], value: impl Fn([f32; 3]) -> f32) -> Self {
        let [nx, ny, nz] = shape;
        let point = |i: usize| [i / (ny * nz), i / nz % ny, i % nz].map(|c| c as f32);
        Field { values: (0..nx * ny * nz).map(|i| value(point(i))).collect(), shape }
    }

    pub(crate) fn surface(&self, level: f32) -> Mesh {
        extract_surface(&Grid::new(&self.values, self.shape).unwrap(), level)
    }

    /// Sets the outermost points to `border`, so that none of them is inside.
    pub(crate) fn close(mut self, border: f32) -> Self {
        let [nx, ny, nz] = self.shape;
        for (i, value) in self.values.iter_mut().enumerate() {
            let at_border =
                [(i / (ny * nz), nx), (i / nz % ny, ny), (i % nz, nz)].iter().any(|&(c, n)| c == 0 || c == n - 1);
            if at_border {
                *value = border;
            }
        }
        self
    }
}

/// A ball of the given radius in the middle of a cube of `points` per side.
pub(crate) fn ball_field(points: usize, radius: f32) -> Field {
    let middle = (points - 1) as f32 / 2.0;
    Field::sample([points; 3], |p| radius - p.map(|c| (c - middle).powi(2)).iter().sum::<f32>().sqrt())
}

/// A ball of radius 1 around the origin, made from a grid.
pub(crate) fn ball(points: usize) -> Mesh {
    let radius = points as f32 / 2.0 - 2.0;
    let middle = (points - 1) as f32 / 2.0;
    let mut mesh = ball_field(points, radius).surface(0.0);
    to_world(&mut mesh, [1.0 / radius; 3], [-middle / radius; 3]);
    mesh
}

/// Random fields of odd shapes with nothing inside at the border: dense noise, full of ambiguous cells. One kind has
/// few distinct values, so that many lie exactly on the level 0.
pub(crate) fn closed_noise() -> impl Strategy<Value = Field> {
    let shape = (3..9_usize, 3..9_usize, prop_oneof![3..12_usize, 60..72_usize]);
    shape.prop_flat_map(|(x, y, z)| {
        let values = prop_oneof![
            prop::collection::vec(-1.0_f32..1.0, x * y * z),
            prop::collection::vec((-2..3_i8).prop_map(f32::from), x * y * z),
        ];
        values.prop_map(move |values| Field { values, shape: [x, y, z] }.close(-1.0))
    })
}

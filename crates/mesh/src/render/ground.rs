use super::view::View;
use crate::mesh::Mesh;

/// Cells of the shade map per side.
const CELLS: usize = 96;
/// How far the shade map reaches beyond the mesh on every side, in parts of the mesh's larger side.
const RIM: f64 = 0.35;
/// The maximum opacity of the shadow.
const STRENGTH: f32 = 0.42;

/// A soft shadow on the ground under the mesh, darker the closer the mesh is to the ground.
pub(super) struct Ground {
    height: f64,
    corner: [f64; 2],
    cell: f64,
    shade: Vec<f32>,
}

impl Ground {
    pub(super) fn under(mesh: &Mesh, view: &View) -> Self {
        let [low, high] = mesh.bounding_box().unwrap_or_default().map(|corner| corner.map(f64::from));
        let side = (high[0] - low[0]).max(high[2] - low[2]).max(0.2 * view.radius) * (1.0 + 2.0 * RIM);
        let corner = [(low[0] + high[0] - side) / 2.0, (low[2] + high[2] - side) / 2.0];
        let cell = side / CELLS as f64;

        // The lowest point above each cell.
        let mut lowest = vec![f64::INFINITY; CELLS * CELLS];
        let mut put = |[x, y, z]: [f64; 3]| {
            let (i, j) = (((x - corner[0]) / cell) as usize, ((z - corner[1]) / cell) as usize);
            if let Some(lowest) = lowest.get_mut(j * CELLS + i.min(CELLS - 1)) {
                *lowest = lowest.min(y);
            }
        };
        for &face in &mesh.faces {
            let corners = mesh.corners(face);
            // Large faces are sampled at every cell, so that a coarse mesh casts the same shade as a fine one.
            let extent = (0..3).map(|k| {
                let (a, b) = (corners[k], corners[(k + 1) % 3]);
                (a[0] - b[0]).abs().max((a[2] - b[2]).abs())
            });
            let steps = (extent.fold(0.0, f64::max) / cell).ceil().clamp(1.0, CELLS as f64) as usize;
            for i in 0..=steps {
                for j in 0..=steps - i {
                    let (u, v) = (i as f64 / steps as f64, j as f64 / steps as f64);
                    put(std::array::from_fn(|k| corners[0][k] * (1.0 - u - v) + corners[1][k] * u + corners[2][k] * v));
                }
            }
        }
        let closeness = |y: f64| (-(y - low[1]) / (0.35 * view.radius)).exp() as f32;
        let mut cover: Vec<f32> = lowest.into_iter().map(closeness).collect();
        // Repeated box blur comes close to a Gaussian.
        for _ in 0..3 {
            cover = blur(&blur(&cover, 1), CELLS);
        }
        Ground { height: low[1], corner, cell, shade: cover }
    }

    /// Opacity of the shade seen through a pixel.
    pub(super) fn shade(&self, view: &View, pixel: [f64; 2]) -> f32 {
        let Some([x, z]) = view.on_ground(pixel, self.height) else { return 0.0 };
        let (i, j) = ((x - self.corner[0]) / self.cell - 0.5, (z - self.corner[1]) / self.cell - 0.5);
        let at = |i: f64, j: f64| {
            let inside = (0.0..CELLS as f64).contains(&i) && (0.0..CELLS as f64).contains(&j);
            if inside { self.shade[j as usize * CELLS + i as usize] } else { 0.0 }
        };
        let (i0, j0) = (i.floor(), j.floor());
        let (u, v) = ((i - i0) as f32, (j - j0) as f32);
        let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
        let row = |j: f64| mix(at(i0, j), at(i0 + 1.0, j), u);
        STRENGTH * mix(row(j0), row(j0 + 1.0), v)
    }
}

/// Box blur along one direction; `stride` is 1 for rows, [`CELLS`] for columns.
fn blur(map: &[f32], stride: usize) -> Vec<f32> {
    const REACH: usize = CELLS / 20;
    let across = if stride == 1 { CELLS } else { 1 };
    let mut blurred = vec![0.0; map.len()];
    for line in 0..CELLS {
        let place = |k: usize| line * across + k * stride;
        for k in 0..CELLS {
            let window = k.saturating_sub(REACH)..(k + REACH + 1).min(CELLS);
            blurred[place(k)] = window.map(|n| map[place(n)]).sum::<f32>() / (2 * REACH + 1) as f32;
        }
    }
    blurred
}

//! Closing surfaces that reach the boundary of the grid.

use super::{Grid, extract_surface};
use crate::mesh::Mesh;

/// As [`extract_surface`], but closed where the field is inside at the boundary of the grid: the mesh gets a flat cap
/// there, as if a layer of points outside the shape surrounded the grid. The second value says whether that was needed.
///
/// Boundary points that were not evaluated count as inside if the nearest boundary points that were are inside: a
/// coarse-to-fine decoder leaves out regions without a surface. A field that is nowhere outside has no surface.
///
/// # Panics
/// As [`extract_surface`].
pub fn extract_closed_surface(grid: &Grid<'_>, level: f32) -> (Mesh, bool) {
    let is_cut = grid.is_sound()
        && grid.shape.iter().all(|&points| points >= 2)
        && boundary(grid.shape).any(|[x, y, z]| is_inside(grid.at([x, y, z]), level))
        && grid.values.iter().any(|&value| value.is_finite() && value <= level);
    if !is_cut {
        return (extract_surface(grid, level), false);
    }
    let (values, shape) = padded(grid, level);
    let mut mesh = extract_surface(&Grid { values: &values, shape }, level);
    // The margin that keeps vertices apart from grid points leaves the cap a tiny bit outside of the grid.
    for coordinate in mesh.vertices.iter_mut().flatten() {
        *coordinate -= 1.0;
    }
    (mesh, true)
}

fn is_inside(value: f32, level: f32) -> bool {
    value.is_finite() && value > level
}

/// The points on the six faces of a grid.
fn boundary([nx, ny, nz]: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    (0..nx).flat_map(move |x| {
        (0..ny).flat_map(move |y| {
            let is_face = x == 0 || x + 1 == nx || y == 0 || y + 1 == ny;
            // All of the row, or only its ends.
            let step = if is_face { 1 } else { nz - 1 };
            (0..nz).step_by(step).map(move |z| [x, y, z])
        })
    })
}

/// The grid within a layer of points outside the shape, with boundary points filled in that were not evaluated.
fn padded(grid: &Grid<'_>, level: f32) -> (Vec<f32>, [usize; 3]) {
    // So far below the level that the crossings lie at the boundary points.
    let outside = level - f32::MAX / 4.0;
    let [nx, ny, nz] = grid.shape;
    let shape = grid.shape.map(|points| points + 2);
    let mut values = vec![outside; shape.iter().product()];
    let at = |[x, y, z]: [usize; 3]| ((x + 1) * shape[1] + y + 1) * shape[2] + z + 1;
    for x in 0..nx {
        for y in 0..ny {
            let (from, to) = ((x * ny + y) * nz, at([x, y, 0]));
            values[to..to + nz].copy_from_slice(&grid.values[from..from + nz]);
        }
    }
    // Breadth first from the evaluated points, so that each other point takes after the nearest.
    let mut front: Vec<[usize; 3]> = boundary(grid.shape).filter(|&point| grid.at(point).is_finite()).collect();
    let mut next = Vec::new();
    while !front.is_empty() {
        for point in front.drain(..) {
            let filled = if is_inside(values[at(point)], level) { level + 1.0 } else { outside };
            for neighbour in neighbours(point, grid.shape) {
                let value = &mut values[at(neighbour)];
                if !value.is_finite() {
                    *value = filled;
                    next.push(neighbour);
                }
            }
        }
        std::mem::swap(&mut front, &mut next);
    }
    (values, shape)
}

/// The neighbours of a boundary point along the axes that are boundary points as well.
fn neighbours(point: [usize; 3], shape: [usize; 3]) -> impl Iterator<Item = [usize; 3]> {
    let is_boundary = move |p: [usize; 3]| (0..3).any(|axis| p[axis] == 0 || p[axis] + 1 == shape[axis]);
    (0..3)
        .flat_map(move |axis| {
            let step = move |to: Option<usize>| {
                let to = to.filter(|&to| to < shape[axis])?;
                let mut neighbour = point;
                neighbour[axis] = to;
                Some(neighbour)
            };
            [step(point[axis].checked_sub(1)), step(point[axis].checked_add(1))].into_iter().flatten()
        })
        .filter(move |&neighbour| is_boundary(neighbour))
}

//! Coarse to fine (specification section 12.3), in the intended float32 behaviour.

use tch::Tensor;

use super::field::Field;
use super::levels::levels;
use super::near_surface::refined_points;
use super::sparse::{self, Sparse};
use super::{Run, dense, points};
use crate::vae::{LatentKeyValues, Lattice, ShapeKeyValues};

pub(super) fn decode(run: &Run<'_>, shapes: &LatentKeyValues) -> Vec<Field> {
    let levels = levels(run.options.octree_resolution, run.options.min_resolution);
    let grids = dense::evaluate(run, shapes, levels[0]);
    if levels.len() == 1 {
        return grids.iter().map(|grid| run.field(sparse::to_host(grid), levels[0] as usize + 1)).collect();
    }
    let finer: Vec<_> = levels[1..]
        .iter()
        .map(|&resolution| run.geo_decoder.lattice(&run.options.bounds.steps(resolution, run.device)))
        .collect();
    let refined = grids.into_iter().enumerate().map(|(row, grid)| refine(run, grid, &finer, &shapes.shape(row)));
    refined.map(|level| run.field(level.to_host(), level.points as usize)).collect()
}

/// Refines one shape from its coarsest grid over the lattices `finer`; the last level.
fn refine(run: &Run<'_>, mut grid: Tensor, finer: &[Lattice], shape: &ShapeKeyValues) -> Sparse {
    let (last, between) = finer.split_last().expect("a refinement has at least one level. This is a bug.");
    for lattice in between {
        grid = evaluate(run, &grid, lattice, false, shape).to_grid();
    }
    evaluate(run, &grid, last, true, shape)
}

/// The points of `lattice` that lie near the surface found in `grid`.
fn evaluate(run: &Run<'_>, grid: &Tensor, lattice: &Lattice, last: bool, shape: &ShapeKeyValues) -> Sparse {
    let n = lattice.sizes()[0];
    let index = refined_points(grid, f64::from(run.options.mc_level), n, last);
    let values = points::evaluate(run, lattice, shape, &index);
    Sparse { points: n, index, values }
}

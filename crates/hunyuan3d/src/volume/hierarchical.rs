//! Coarse to fine (specification section 12.3), in the intended float32 behaviour.

use tch::{Kind, Tensor};

use super::field::Field;
use super::levels::levels;
use super::near_surface::refined_points;
use super::sparse::{self, Sparse};
use super::{Run, dense, parallel};
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
    let points = lattice.sizes()[0];
    let index = refined_points(grid, f64::from(run.options.mc_level), points, last);
    let count = index.size()[0];
    let values = Tensor::empty([count], (Kind::Float, run.device));
    let calls = (count + run.chunk - 1) / run.chunk;
    let evaluate = |call: usize| {
        let start = call as i64 * run.chunk;
        let len = run.chunk.min(count - start);
        let queries = lattice.points(&index.narrow(0, start, len));
        values.narrow(0, start, len).copy_(&run.geo_decoder.logits(&queries, shape));
    };
    // SAFETY: every call writes to the range of points that is its own.
    unsafe { parallel::for_each(run.device, calls as usize, evaluate) };
    Sparse { points, index, values }
}

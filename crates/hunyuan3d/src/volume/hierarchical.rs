//! Coarse to fine (specification section 12.3), in the intended float32 behaviour.

use tch::{Kind, Tensor};

use model::{Field, Values};

use super::bounds::steps;
use super::levels::levels;
use super::near_surface::refined_points;
use super::sparse::{self, Sparse};
use super::{Run, dense, points};
use crate::error::Error;
use crate::vae::{LatentKeyValues, Lattice, ShapeKeyValues};

pub(super) fn decode(run: &Run<'_>, shapes: &LatentKeyValues) -> Result<Vec<Field>, Error> {
    let levels = levels(run.options.octree_resolution, run.options.min_resolution);
    let grids = dense::evaluate(run, shapes, levels[0])?;
    if levels.len() == 1 {
        let field = |grid| run.field(Values::Dense(sparse::to_host(grid)), levels[0] as usize + 1);
        return Ok(grids.iter().map(field).collect());
    }
    let finer: Vec<_> = levels[1..]
        .iter()
        .map(|&resolution| run.geo_decoder.lattice(&steps(&run.options.bounds, resolution, run.device)))
        .collect();
    let refined = grids.into_iter().enumerate().map(|(row, grid)| refine(run, grid, &finer, &shapes.shape(row)));
    refined.map(|level| level.map(|level| run.field(level.to_host(), level.points as usize))).collect()
}

/// Refines one shape from its coarsest grid over the lattices `finer`; the last level.
fn refine(run: &Run<'_>, mut grid: Tensor, finer: &[Lattice], shape: &ShapeKeyValues) -> Result<Sparse, Error> {
    let (last, between) = finer.split_last().expect("a refinement has at least one level. This is a bug.");
    for lattice in between {
        grid = evaluate(run, &grid, lattice, false, shape)?.to_grid();
    }
    evaluate(run, &grid, last, true, shape)
}

/// The points of `lattice` that lie near the surface found in `grid`.
fn evaluate(
    run: &Run<'_>,
    grid: &Tensor,
    lattice: &Lattice,
    last: bool,
    shape: &ShapeKeyValues,
) -> Result<Sparse, Error> {
    let n = lattice.sizes()[0];
    let index = refined_points(grid, f64::from(run.options.mc_level), n, last);
    let Some(values) = known_values(grid, n, &index) else {
        let values = points::evaluate(run, lattice, shape, &index)?;
        return Ok(Sparse { points: n, index, values });
    };
    let unknown = values.isnan().nonzero().view(-1);
    let new = points::evaluate(run, lattice, shape, &index.index_select(0, &unknown))?;
    Ok(Sparse { points: n, index, values: values.index_copy(0, &unknown, &new) })
}

/// The values in `grid` of the points `index` of the next lattice, which has `n` points per axis. Every second point of an
/// axis is a point of `grid`. `[P]`, NaN where `grid` has no value; `None` if the lattices do not coincide.
fn known_values(grid: &Tensor, n: i64, index: &Tensor) -> Option<Tensor> {
    if n != 2 * grid.size()[0] - 1 {
        return None;
    }
    let finer = Tensor::full([n, n, n], f64::NAN, (Kind::Float, grid.device()));
    finer.slice(0, 0, n, 2).slice(1, 0, n, 2).slice(2, 0, n, 2).copy_(grid);
    Some(finer.take(index))
}

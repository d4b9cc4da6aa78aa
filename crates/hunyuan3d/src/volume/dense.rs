//! Every lattice point (specification section 12.1); also the coarsest level of the hierarchical decoder.

use tch::{Kind, Tensor};

use model::{Field, Values};

use super::bounds::linspace;
use super::{Run, points, sparse};
use crate::error::Error;
use crate::parallel;
use crate::vae::LatentKeyValues;

pub(super) fn decode(run: &Run<'_>, shapes: &LatentKeyValues) -> Result<Vec<Field>, Error> {
    let resolution = run.options.octree_resolution;
    let points = resolution as usize + 1;
    let grids = evaluate(run, shapes, resolution)?;
    Ok(grids.iter().map(|grid| run.field(Values::Dense(sparse::to_host(grid)), points)).collect())
}

/// Logits of the whole lattice, [n, n, n] float32 for each shape. The queries of a chunk are made once for all shapes.
pub(super) fn evaluate(run: &Run<'_>, shapes: &LatentKeyValues, resolution: u32) -> Result<Vec<Tensor>, Error> {
    let n = i64::from(resolution) + 1;
    let lattice = run.geo_decoder.lattice(&linspace(&run.options.bounds, resolution, run.device));
    let shapes: Vec<_> = (0..shapes.len()).map(|row| shapes.shape(row)).collect();
    if run.geo_decoder.is_fused() {
        let all = Tensor::arange(n * n * n, (Kind::Int64, run.device));
        return shapes.iter().map(|shape| Ok(points::evaluate(run, &lattice, shape, &all)?.view([n, n, n]))).collect();
    }
    let grids: Vec<Tensor> = shapes.iter().map(|_| Tensor::empty([n * n * n], (Kind::Float, run.device))).collect();
    let lines_per_call = (run.chunk / n).max(1);
    let calls = (n * n + lines_per_call - 1) / lines_per_call;
    let evaluate = |call: usize| {
        if !(run.proceed)() {
            return;
        }
        let start = call as i64 * lines_per_call;
        let end = (start + lines_per_call).min(n * n);
        let queries = lattice.lines(start..end);
        for (shape, grid) in shapes.iter().zip(&grids) {
            grid.narrow(0, start * n, (end - start) * n).copy_(&run.geo_decoder.logits(&queries, shape));
        }
    };
    // SAFETY: every call writes to the range of points that is its own.
    unsafe { parallel::for_each(run.device, calls as usize, evaluate) };
    run.check()?;
    Ok(grids.into_iter().map(|grid| grid.view([n, n, n])).collect())
}

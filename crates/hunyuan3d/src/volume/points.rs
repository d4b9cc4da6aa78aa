//! Logits of lattice points of one shape, in chunks.

use tch::{Kind, Tensor};

use super::Run;
use crate::error::Error;
use crate::parallel;
use crate::vae::{Lattice, ShapeKeyValues};

/// Logits `[P]` of the points with row-major indices `index` (int64 `[P]`).
pub(super) fn evaluate(
    run: &Run<'_>,
    lattice: &Lattice,
    shape: &ShapeKeyValues,
    index: &Tensor,
) -> Result<Tensor, Error> {
    let count = index.size()[0];
    let values = Tensor::empty([count], (Kind::Float, run.device));
    let fused = run.geo_decoder.fused(lattice, shape);
    let calls = (count + run.chunk - 1) / run.chunk;
    let evaluate = |call: usize| {
        if !(run.proceed)() {
            return;
        }
        let start = call as i64 * run.chunk;
        let len = run.chunk.min(count - start);
        let index = index.narrow(0, start, len);
        let logits = match &fused {
            Some(fused) => fused.logits(&index),
            None => run.geo_decoder.logits(&lattice.points(&index), shape),
        };
        values.narrow(0, start, len).copy_(&logits);
    };
    // SAFETY: every call writes to the range of points that is its own.
    unsafe { parallel::for_each(run.device, calls as usize, evaluate) };
    run.check()?;
    Ok(values)
}

//! The FlashVDM decoder (specification section 12.4): coarse to fine, and each block or group of neighbouring points
//! attends only to the keys that it selects. One shape at a time: what is evaluated differs between shapes.

use tch::{Device, Kind, Tensor};

use model::{Field, Values};

use super::bounds::{linspace, steps};
use super::levels::flash_levels;
use super::near_surface::refined_points;
use super::selection::{Selection, SelectionRule, attend};
use super::sparse::{self, Sparse};
use super::{FlashMode, Run};
use crate::error::Error;
use crate::parallel;
use crate::vae::{Lattice, ShapeKeyValues};

/// Blocks per axis of the coarsest lattice.
const BLOCKS: i64 = 4;

/// Groups per axis of a refinement level.
const GROUPS: i64 = 6;

/// Points are spread over slightly less than [`GROUPS`], so that the last point falls into the last group.
const GROUP_SPAN: f64 = 6.0 - 0.001;

pub(super) fn decode(run: &Run<'_>, shape: &ShapeKeyValues, mode: FlashMode) -> Result<Field, Error> {
    let levels = flash_levels(run.options.octree_resolution, run.options.min_resolution);
    let coarse = evaluate_blocks(run, shape, levels[0])?;
    let Some((&finest, between)) = levels[1..].split_last() else {
        return Ok(run.field(Values::Dense(sparse::to_host(&coarse)), levels[0] as usize + 1));
    };
    let rule = match mode {
        FlashMode::Mean => SelectionRule::Mean,
        FlashMode::Merge => SelectionRule::Merge,
    };
    let mut grid = coarse;
    for &resolution in between {
        grid = evaluate_near(run, &grid, resolution, false, shape, rule)?.to_grid();
    }
    let level = evaluate_near(run, &grid, finest, true, shape, rule)?;
    Ok(run.field(level.to_host(), level.points as usize))
}

/// The coarsest lattice, in 4x4x4 equal blocks: [n, n, n] float32.
fn evaluate_blocks(run: &Run<'_>, shape: &ShapeKeyValues, resolution: u32) -> Result<Tensor, Error> {
    let n = i64::from(resolution) + 1;
    let side = n / BLOCKS;
    let lattice = run.geo_decoder.lattice(&linspace(&run.options.bounds, resolution, run.device));
    // Blocks x-major, and row-major within a block.
    let order = Tensor::arange(n * n * n, (Kind::Int64, run.device))
        .view([BLOCKS, side, BLOCKS, side, BLOCKS, side])
        .permute([0, 2, 4, 1, 3, 5])
        .reshape([-1]);
    let counts = vec![side * side * side; (BLOCKS * BLOCKS * BLOCKS) as usize];
    let values = evaluate_groups(run, shape, &lattice, &order, &counts, SelectionRule::Coarse)?;
    let mut grid = Tensor::empty([n * n * n], (Kind::Float, run.device));
    let _ = grid.index_copy_(0, &order, &values);
    Ok(grid.view([n, n, n]))
}

/// The points near the surface found in `grid`.
fn evaluate_near(
    run: &Run<'_>,
    grid: &Tensor,
    resolution: u32,
    last: bool,
    shape: &ShapeKeyValues,
    rule: SelectionRule,
) -> Result<Sparse, Error> {
    let points = i64::from(resolution) + 1;
    let axes = steps(&run.options.bounds, resolution, run.device);
    let index = refined_points(grid, f64::from(run.options.mc_level), points, last);
    if index.size()[0] == 0 {
        return Ok(Sparse { points, values: Tensor::empty([0], (Kind::Float, run.device)), index });
    }
    let group = groups(&axes, &index);
    let index = index.index_select(0, &group.argsort_stable(true, 0, false));
    let counts = group.bincount::<&Tensor>(None, GROUPS * GROUPS * GROUPS).to_device(Device::Cpu);
    let counts = Vec::<i64>::try_from(counts).expect("counts are a vector of integers. This is a bug.");
    let counts: Vec<i64> = counts.into_iter().filter(|&count| count > 0).collect();
    let lattice = run.geo_decoder.lattice(&axes);
    let values = evaluate_groups(run, shape, &lattice, &index, &counts, rule)?;
    Ok(Sparse { points, index, values })
}

/// The group of each point: its cell among 6x6x6 that span the points' bounding box, x-major.
fn groups(axes: &[Tensor; 3], index: &Tensor) -> Tensor {
    let n = axes[0].size()[0];
    let line = index.divide_scalar_mode(n, "floor");
    let along = [line.divide_scalar_mode(n, "floor"), line.remainder(n), index.remainder(n)];
    let cell = |axis: usize| {
        let p = axes[axis].index_select(0, &along[axis]);
        let (min, max) = (p.min(), p.max());
        // A flat set of points has no extent to divide by, and is one cell.
        ((p - &min) / (max - min) * GROUP_SPAN).nan_to_num(0.0, None, None).floor().to_kind(Kind::Int64)
    };
    cell(0) * (GROUPS * GROUPS) + cell(1) * GROUPS + cell(2)
}

/// A part of one group, evaluated in one call.
struct Piece {
    group: usize,
    len: i64,
}

/// Consecutive pieces, the first of which begins at point `start`.
struct Call {
    start: i64,
    pieces: Vec<Piece>,
}

/// Logits `[P]` of the lattice points `index` `[P]`, which stand in consecutive groups of `counts`.
fn evaluate_groups(
    run: &Run<'_>,
    shape: &ShapeKeyValues,
    lattice: &Lattice,
    index: &Tensor,
    counts: &[i64],
    rule: SelectionRule,
) -> Result<Tensor, Error> {
    let (keys, values) = (shape.keys.squeeze_dim(0), shape.values.squeeze_dim(0));
    let selection = select(run, lattice, index, counts, &keys, rule);
    let logits = Tensor::empty([index.size()[0]], (Kind::Float, run.device));
    let calls = calls(counts, run.chunk);
    let evaluate = |call: usize| {
        if !(run.proceed)() {
            return;
        }
        let Call { start, pieces } = &calls[call];
        let lengths: Vec<i64> = pieces.iter().map(|piece| piece.len).collect();
        let len = lengths.iter().sum();
        let queries = lattice.points(&index.narrow(0, *start, len));
        let parts = run.geo_decoder.heads_of(&queries).split_with_sizes(lengths, 2); // [1, h, P, d] each
        let parts: Vec<Tensor> =
            pieces.iter().zip(&parts).map(|(piece, q)| attend(q, &keys, &values, &selection, piece.group)).collect();
        let attention = Tensor::cat(&parts, 2);
        logits.narrow(0, *start, len).copy_(&run.geo_decoder.logits_after_attention(&queries, &attention));
    };
    // SAFETY: every call writes to the range of points that is its own.
    unsafe { parallel::for_each(run.device, calls.len(), evaluate) };
    run.check()?;
    Ok(logits)
}

/// The keys of all groups. Only sampled queries are computed, so that the selection does not depend on the chunk.
fn select(
    run: &Run<'_>,
    lattice: &Lattice,
    index: &Tensor,
    counts: &[i64],
    keys: &Tensor,
    rule: SelectionRule,
) -> Selection {
    let (rows, per_group) = rule.samples(counts);
    let rows = Tensor::from_slice(&rows).to_device(run.device);
    let queries = lattice.points(&index.index_select(0, &rows));
    Selection::new(&run.geo_decoder.heads_of(&queries).squeeze_dim(0), &per_group, keys, rule)
}

/// Cuts groups into calls of at most `chunk` points: small groups share a call, a large one takes several.
fn calls(counts: &[i64], chunk: i64) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    let (mut start, mut room) = (0, 0);
    for (group, &count) in counts.iter().enumerate() {
        let mut left = count;
        while left > 0 {
            if room == 0 {
                calls.push(Call { start, pieces: Vec::new() });
                room = chunk;
            }
            let len = left.min(room);
            calls
                .last_mut()
                .expect("a call was pushed when there was no room. This is a bug.")
                .pieces
                .push(Piece { group, len });
            (start, left, room) = (start + len, left - len, room - len);
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn calls_are_full_and_keep_the_order() {
        let sizes = |counts: &[i64], chunk| -> Vec<Vec<(usize, i64)>> {
            calls(counts, chunk).iter().map(|call| call.pieces.iter().map(|p| (p.group, p.len)).collect()).collect()
        };
        assert_eq!(sizes(&[3, 2, 9, 1], 5), [vec![(0, 3), (1, 2)], vec![(2, 5)], vec![(2, 4), (3, 1)],]);
        assert_eq!(sizes(&[4], 100), [vec![(0, 4)]]);
        assert!(sizes(&[], 5).is_empty());
    }

    #[test]
    fn groups_span_the_points() {
        let axis = Tensor::linspace(-1.0, 1.0, 11, (Kind::Float, Device::Cpu));
        let axes = [axis.shallow_clone(), axis.shallow_clone(), axis];
        // Corners of the lattice, and a point in the middle.
        let index = Tensor::from_slice(&[0_i64, 10, 1330, 5 * 121 + 5 * 11 + 5]);
        assert_eq!(Vec::<i64>::try_from(groups(&axes, &index)).unwrap(), [0, 5, 215, 2 * 36 + 2 * 6 + 2]);
        // A single point has no extent.
        assert_eq!(Vec::<i64>::try_from(groups(&axes, &Tensor::from_slice(&[7_i64]))).unwrap(), [0]);
    }
}

//! The points that a finer level evaluates (specification section 12.3): those near the surface of the coarser level.
//!
//! Grids are tensors on the model's device, so that a level synchronises once, for the number of points, and transfers
//! nothing.

use tch::{Kind, Tensor};

/// A logit this close to zero counts as near the surface, whatever the logits of its neighbours.
const BAND: f64 = 0.95;

/// Points of the next level's lattice that must be evaluated: row-major indices, ascending, int64 `[P]`.
///
/// `grid` [n, n, n] is the level just evaluated, NaN where it was not. `next` is the number of lattice points per axis
/// of the next level, whose point 2i is this level's point i. Before the last level the near points are widened once
/// more, and marks on the last level are widened twice.
pub(crate) fn refined_points(grid: &Tensor, mc_level: f64, next: i64, last: bool) -> Tensor {
    let mut near = near_surface(grid, mc_level);
    if !last {
        dilate(&mut near);
    }
    let n = grid.size()[0];
    let mut marks = Tensor::zeros([next, next, next], (Kind::Bool, grid.device()));
    marks.slice(0, 0, 2 * n - 1, 2).slice(1, 0, 2 * n - 1, 2).slice(2, 0, 2 * n - 1, 2).copy_(&near);
    dilate(&mut marks);
    if last {
        dilate(&mut marks);
    }
    marks.view(-1).nonzero().view(-1)
}

/// Bool [n, n, n]: evaluated points whose sign (0 is a third one) differs from that of an evaluated axis neighbour, or
/// whose logit is within the band. The level is added, as the reference does, not subtracted.
fn near_surface(grid: &Tensor, mc_level: f64) -> Tensor {
    let evaluated = grid.isnan().logical_not();
    let sign = if mc_level == 0.0 { grid.sign() } else { (grid + mc_level).sign() };
    let near = grid.abs().lt(BAND); // NaN is not
    for axis in 0..3 {
        let n = grid.size()[axis as usize];
        let (low, high) = (|t: &Tensor| t.narrow(axis, 0, n - 1), |t: &Tensor| t.narrow(axis, 1, n - 1));
        let differs =
            low(&sign).not_equal_tensor(&high(&sign)).logical_and_(&low(&evaluated)).logical_and_(&high(&evaluated));
        let _ = low(&near).logical_or_(&differs);
        let _ = high(&near).logical_or_(&differs);
    }
    near
}

/// Dilates marks by one in each axis, to 3x3x3 boxes clipped to the grid.
fn dilate(marks: &mut Tensor) {
    for axis in 0..3 {
        let n = marks.size()[axis as usize];
        let before = marks.copy();
        let _ = marks.narrow(axis, 0, n - 1).logical_or_(&before.narrow(axis, 1, n - 1));
        let _ = marks.narrow(axis, 1, n - 1).logical_or_(&before.narrow(axis, 0, n - 1));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use tch::Device;

    /// The rule of the specification, cell by cell.
    fn plainly(grid: &[f32], n: usize, mc_level: f32, next: usize, last: bool) -> Vec<i64> {
        let at = |p: [usize; 3]| grid[(p[0] * n + p[1]) * n + p[2]];
        let sign = |v: f32| {
            if v > 0.0 {
                1
            } else if v < 0.0 {
                -1
            } else {
                0
            }
        };
        let cells = |n: usize| (0..n * n * n).map(move |i| [i / n / n, i / n % n, i % n]);
        let widen = |marks: &Vec<[usize; 3]>, n: usize| -> Vec<[usize; 3]> {
            let close = |p: &[usize; 3]| marks.iter().any(|m| (0..3).all(|a| m[a].abs_diff(p[a]) <= 1));
            cells(n).filter(close).collect()
        };
        let is_near = |p: &[usize; 3]| {
            let value = at(*p);
            let differs = |neighbour: [usize; 3]| {
                let other = if at(neighbour).is_nan() { value } else { at(neighbour) };
                sign(other + mc_level) != sign(value + mc_level)
            };
            let neighbours = (0..3).flat_map(|axis| {
                let (mut low, mut high) = (*p, *p);
                low[axis] = low[axis].saturating_sub(1);
                high[axis] = (high[axis] + 1).min(n - 1);
                [low, high]
            });
            !value.is_nan() && (value.abs() < 0.95 || neighbours.into_iter().any(differs))
        };
        let mut near: Vec<_> = cells(n).filter(is_near).collect();
        if !last {
            near = widen(&near, n);
        }
        let mut marks: Vec<_> = near.iter().map(|p| p.map(|c| 2 * c)).collect();
        for _ in 0..if last { 2 } else { 1 } {
            marks = widen(&marks, next);
        }
        marks.iter().map(|p| ((p[0] * next + p[1]) * next + p[2]) as i64).collect()
    }

    #[test]
    fn the_rule_holds_cell_by_cell() {
        tch::manual_seed(3);
        for (n, next, last, mc_level) in
            [(6, 11, true, 0.0), (6, 11, false, 0.0), (5, 10, true, 0.5), (7, 13, false, -1.5)]
        {
            let size = [n, n, n];
            let noise = Tensor::randn(size, (Kind::Float, Device::Cpu)) * 3.0 + 4.0;
            let holes = Tensor::rand(size, (Kind::Float, Device::Cpu)).lt(0.3);
            let zeros = Tensor::rand(size, (Kind::Float, Device::Cpu)).lt(0.02);
            let grid = noise.masked_fill(&holes, f64::NAN).masked_fill(&zeros, -mc_level);
            let expected = plainly(
                &Vec::<f32>::try_from(grid.view(-1)).unwrap(),
                n as usize,
                mc_level as f32,
                next as usize,
                last,
            );
            let got = Vec::<i64>::try_from(refined_points(&grid, mc_level, next, last)).unwrap();
            assert_eq!(got, expected, "n {n}, last {last}, level {mc_level}");
            assert!(!got.is_empty() && got.len() < (next * next * next) as usize);
        }
    }

    #[test]
    fn a_far_field_needs_no_point() {
        let grid = Tensor::full([5, 5, 5], -1.0, (Kind::Float, Device::Cpu));
        assert_eq!(refined_points(&grid, 0.0, 9, true).numel(), 0);
    }
}

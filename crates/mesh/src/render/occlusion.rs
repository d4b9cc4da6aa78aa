use std::f64::consts::PI;

use rayon::prelude::*;

use super::view::View;

/// Sampled directions per pixel, each with its opposite, and steps along each.
const DIRECTIONS: usize = 3;
const STEPS: usize = 4;
/// The sampling distance, in parts of the mesh's radius.
const REACH: f64 = 0.16;
/// Side of the tile over which the directions rotate, and of the blur that removes the pattern of the tile.
const TILE: usize = 4;

/// One sample: its offset in units of the sampling distance, and the reciprocal of its distance in that unit.
#[derive(Clone, Copy)]
struct Tap {
    offset: [f64; 2],
    per_distance: f64,
}

/// Steps along a direction and along its opposite.
type Line = [[Tap; STEPS]; 2];

/// The openness of every pixel, 0 (occluded) to 1, estimated from the depths around it. `depth` holds `size` x `size`
/// distances, infinite in the background.
pub(super) fn openness(depth: &[f32], size: usize, view: &View) -> Vec<f32> {
    let tile: Vec<[Line; DIRECTIONS]> = (0..TILE * TILE).map(lines).collect();
    let mut raw = vec![1.0_f32; depth.len()];
    raw.par_chunks_mut(size).enumerate().for_each(|(y, row)| {
        for (x, open) in row.iter_mut().enumerate() {
            if depth[y * size + x].is_finite() {
                *open = 1.0 - occlusion(depth, size, view, [x, y], &tile[x % TILE + TILE * (y % TILE)]);
            }
        }
    });
    smooth(&raw, depth, size, view)
}

/// The samples of one pixel of the tile.
fn lines(turn: usize) -> [Line; DIRECTIONS] {
    let part = turn as f64 / (TILE * TILE) as f64;
    std::array::from_fn(|direction| {
        let (sin, cos) = ((direction as f64 + part) * PI / DIRECTIONS as f64).sin_cos();
        [1.0, -1.0].map(|sign| {
            std::array::from_fn(|step| {
                let distance = (step as f64 + 1.0 - 0.6 * part) / STEPS as f64;
                Tap { offset: [sign * cos * distance, sign * sin * distance], per_distance: 1.0 / distance }
            })
        })
    })
}

fn occlusion(depth: &[f32], size: usize, view: &View, [x, y]: [usize; 2], lines: &[Line; DIRECTIONS]) -> f32 {
    let here = f64::from(depth[y * size + x]);
    let reach = REACH * view.radius;
    let pixels = reach * view.pixels_per_unit(here);
    let horizon = |taps: &[Tap; STEPS]| {
        let mut steepest = f64::NEG_INFINITY;
        for tap in taps {
            let (i, j) = (x as f64 + tap.offset[0] * pixels, y as f64 + tap.offset[1] * pixels);
            if i < 0.0 || j < 0.0 || i >= size as f64 || j >= size as f64 {
                break;
            }
            let nearer = (here - f64::from(depth[j as usize * size + i as usize])) / reach;
            // A depth far in front belongs to another part, not to a neighbour that occludes the light.
            if nearer < 2.0 {
                steepest = steepest.max(nearer * tap.per_distance);
            }
        }
        if steepest.is_finite() { steepest / (1.0 + steepest * steepest).sqrt() } else { -1.0 }
    };
    // The two opposite horizons are taken together: a plane seen at a slant then occludes nothing.
    let occluded = lines.iter().map(|[ahead, behind]| ((horizon(ahead) + horizon(behind)) / 2.0).clamp(0.0, 1.0));
    (occluded.sum::<f64>() / DIRECTIONS as f64) as f32
}

/// Averages over a tile, leaving out pixels at another depth.
fn smooth(raw: &[f32], depth: &[f32], size: usize, view: &View) -> Vec<f32> {
    let near = (0.05 * view.radius) as f32;
    let mut smoothed = vec![1.0; raw.len()];
    smoothed.par_chunks_mut(size).enumerate().for_each(|(y, row)| {
        for (x, out) in row.iter_mut().enumerate() {
            let here = depth[y * size + x];
            if here.is_infinite() {
                continue;
            }
            let (mut sum, mut count) = (0.0, 0.0);
            for j in y.saturating_sub(TILE / 2)..(y + TILE / 2).min(size) {
                for i in x.saturating_sub(TILE / 2)..(x + TILE / 2).min(size) {
                    if (depth[j * size + i] - here).abs() < near {
                        sum += raw[j * size + i];
                        count += 1.0;
                    }
                }
            }
            *out = sum / count;
        }
    });
    smoothed
}

use super::lines::Lines;
use super::pixels::{Axis, Pixels};

/// Four source pixels (border replicated) and their weights.
pub(super) type Taps = [(usize, f32); 4];

/// `INTER_CUBIC` by the taps of each target row and column, in float32 with halves rounded to even, as OpenCV's x86 builds
/// compute it (their other filters use fixed point).
pub(super) fn cubic(source: &Pixels, rows: &[Taps], columns: &[Taps]) -> Pixels {
    let channels = source.channels;
    let filter = |sy: usize, line: &mut [f32]| {
        let row = source.row(sy);
        for (pixel, taps) in line.chunks_exact_mut(channels).zip(columns) {
            for (c, value) in pixel.iter_mut().enumerate() {
                *value = taps.iter().map(|(sx, weight)| f32::from(row[sx * channels + c]) * weight).sum();
            }
        }
    };
    let mut lines = Lines::<f32, 4>::new(columns.len() * channels);
    let mut result = Pixels::zeros(rows.len(), columns.len(), channels);
    for (to_y, taps) in rows.iter().enumerate() {
        lines.load(taps.map(|(sy, _)| sy), filter);
        let rows = taps.map(|(sy, weight)| (lines.line(sy), weight));
        for (i, value) in result.row_mut(to_y).iter_mut().enumerate() {
            let sum: f32 = rows.iter().map(|(row, weight)| row[i] * weight).sum();
            *value = sum.round_ties_even() as u8; // saturates
        }
    }
    result
}

/// The cubic convolution kernel with a = -0.75, pixel centres at half integers.
pub(super) fn taps(axis: &Axis<'_>) -> Vec<Taps> {
    const A: f64 = -0.75;
    let last = axis.source as i64 - 1;
    let near = |x: f64| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let of = |&d: &usize| {
        let centre = (d as f64 + 0.5) * axis.scale - 0.5;
        let first = centre.floor();
        let x = centre - first;
        let outer = ((A * (x + 1.0) - 5.0 * A) * (x + 1.0) + 8.0 * A) * (x + 1.0) - 4.0 * A;
        let weights = [outer, near(x), near(1.0 - x), 1.0 - outer - near(x) - near(1.0 - x)];
        std::array::from_fn(|k| ((first as i64 - 1 + k as i64).clamp(0, last) as usize, weights[k] as f32))
    };
    axis.wanted.iter().map(of).collect()
}

use super::lines::Lines;
use super::pixels::{Axis, Crop, Pixels};

/// Fixed-point one of a weight: 11 bits.
const ONE: f32 = 2048.0;

/// Two source pixels and their weights in 11-bit fixed point, whose sum is one.
type Taps = [(usize, i32); 2];

/// `INTER_AREA` where an axis enlarges: two taps with a phase specific to this filter, in fixed point.
pub(super) fn enlarge_area(source: &Crop<'_>, y: &Axis<'_>, x: &Axis<'_>) -> Pixels {
    let channels = source.channels;
    let (rows, columns) = (taps(y), taps(x));
    // A source row, filtered along x, at 11 bits.
    let filter = |sy: usize, line: &mut [i32]| {
        let row = source.row(sy);
        for (pixel, taps) in line.chunks_exact_mut(channels).zip(&columns) {
            for (c, value) in pixel.iter_mut().enumerate() {
                *value = taps.iter().map(|(sx, weight)| i32::from(row[sx * channels + c]) * weight).sum();
            }
        }
    };
    let mut lines = Lines::<i32, 2>::new(columns.len() * channels);
    let mut result = Pixels::zeros(rows.len(), columns.len(), channels);
    for (to_y, taps) in rows.iter().enumerate() {
        lines.load(taps.map(|(sy, _)| sy), filter);
        let [(above, a), (below, b)] = taps.map(|(sy, weight)| (lines.line(sy), weight));
        for ((value, above), below) in result.row_mut(to_y).iter_mut().zip(above).zip(below) {
            // Each product is cut to 16 bits before they are added.
            let sum = ((a * (above >> 4)) >> 16) + ((b * (below >> 4)) >> 16);
            *value = ((sum + 2) >> 2).clamp(0, 255) as u8;
        }
    }
    result
}

fn taps(axis: &Axis<'_>) -> Vec<Taps> {
    let last = axis.source - 1;
    let of = |&d: &usize| {
        let first = (d as f64 * axis.scale).floor();
        let phase = ((d + 1) as f64 - (first + 1.0) * axis.inverse_scale) as f32;
        let phase = if phase <= 0.0 { 0.0 } else { phase - phase.floor() };
        let fixed = |weight: f32| (weight * ONE).round_ties_even() as i32;
        let first = first as usize;
        [(first.min(last), fixed(1.0 - phase)), ((first + 1).min(last), fixed(phase))]
    };
    axis.wanted.iter().map(of).collect()
}

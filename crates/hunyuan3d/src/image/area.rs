use super::pixels::{Axis, Crop, Pixels};

/// Box average of each target pixel's share of the source, for axes that shrink or keep their size.
pub(super) fn shrink_area(source: &Crop<'_>, y: &Axis<'_>, x: &Axis<'_>) -> Pixels {
    match (whole(y.scale), whole(x.scale)) {
        (Some(rows), Some(columns)) => block_mean(source, y, x, rows, columns),
        _ => weighted_mean(source, y, x),
    }
}

fn whole(scale: f64) -> Option<usize> {
    let rounded = scale.round_ties_even();
    ((scale - rounded).abs() < f64::EPSILON).then_some(rounded as usize)
}

/// Mean of `rows` x `columns` blocks, in integers.
fn block_mean(source: &Crop<'_>, y: &Axis<'_>, x: &Axis<'_>, rows: usize, columns: usize) -> Pixels {
    let channels = source.channels;
    let scale = 1.0 / (rows * columns) as f32;
    let mut result = Pixels::zeros(y.wanted.len(), x.wanted.len(), channels);
    for (to_y, &dy) in y.wanted.iter().enumerate() {
        for (to_x, &dx) in x.wanted.iter().enumerate() {
            for c in 0..channels {
                let block = (0..rows * columns).map(|k| {
                    let (sy, sx) = (dy * rows + k / columns, dx * columns + k % columns);
                    u32::from(source.row(sy)[sx * channels + c])
                });
                let sum: u32 = block.sum();
                // OpenCV has a 2 x 2 path of its own, which rounds halves up and not to even.
                let mean = match (rows, columns) {
                    (2, 2) => ((sum + 2) >> 2) as u8,
                    _ => (sum as f32 * scale).round_ties_even() as u8,
                };
                result.row_mut(to_y)[to_x * channels + c] = mean;
            }
        }
    }
    result
}

/// A source pixel's share in a target pixel, by the index among the wanted ones.
struct Share {
    source: usize,
    target: usize,
    weight: f32,
}

/// The shares of one axis, by target pixel.
fn shares(axis: &Axis<'_>) -> Vec<Share> {
    let mut shares = Vec::new();
    for (target, &at) in axis.wanted.iter().enumerate() {
        let begin = at as f64 * axis.scale;
        let end = begin + axis.scale;
        let width = axis.scale.min(axis.source as f64 - begin);
        let last = (end.floor() as usize).min(axis.source - 1);
        let first = (begin.ceil() as usize).min(last);
        if first as f64 - begin > 1e-3 {
            shares.push(Share { source: first - 1, target, weight: ((first as f64 - begin) / width) as f32 });
        }
        shares.extend((first..last).map(|source| Share { source, target, weight: (1.0 / width) as f32 }));
        if end - last as f64 > 1e-3 {
            let covered = (end - last as f64).min(1.0).min(width);
            shares.push(Share { source: last, target, weight: (covered / width) as f32 });
        }
    }
    shares
}

/// Weighted mean with fractional shares at the borders, in float32: first along x, then along y.
fn weighted_mean(source: &Crop<'_>, y: &Axis<'_>, x: &Axis<'_>) -> Pixels {
    let channels = source.channels;
    let (y_shares, x_shares) = (shares(y), shares(x));
    let mut result = Pixels::zeros(y.wanted.len(), x.wanted.len(), channels);
    let mut line = vec![0f32; x.wanted.len() * channels];
    let mut sum = vec![0f32; x.wanted.len() * channels];
    for rows in y_shares.chunk_by(|a, b| a.target == b.target) {
        sum.fill(0.0);
        for share in rows {
            line.fill(0.0);
            let row = source.row(share.source);
            for Share { source, target, weight } in &x_shares {
                for c in 0..channels {
                    line[target * channels + c] += f32::from(row[source * channels + c]) * weight;
                }
            }
            for (sum, value) in sum.iter_mut().zip(&line) {
                *sum += share.weight * value;
            }
        }
        for (target, sum) in result.row_mut(rows[0].target).iter_mut().zip(&sum) {
            *target = sum.round_ties_even() as u8; // saturates
        }
    }
    result
}

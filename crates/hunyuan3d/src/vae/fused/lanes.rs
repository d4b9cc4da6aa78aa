//! Arithmetic on a tile of points: vector lanes are points, so that sums over the features or keys of a point add
//! vectors and never lanes of one vector.

use std::arch::x86_64::*;

/// Vectors side by side in a tile.
const VECTORS: usize = 2;

/// Points of a vector.
pub(super) const LANES: usize = 16;

/// Points of a tile.
pub(super) const POINTS: usize = VECTORS * LANES;

/// One feature of all points of a tile.
#[derive(Clone, Copy)]
pub(super) struct Row([__m512; VECTORS]);

#[target_feature(enable = "avx512f")]
#[inline]
fn map(f: impl Fn(usize) -> __m512) -> Row {
    Row(std::array::from_fn(f))
}

impl Row {
    /// The same value for all points.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn splat(value: f32) -> Row {
        Row([_mm512_set1_ps(value); VECTORS])
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn add(self, other: Row) -> Row {
        map(|v| _mm512_add_ps(self.0[v], other.0[v]))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn sub(self, other: Row) -> Row {
        map(|v| _mm512_sub_ps(self.0[v], other.0[v]))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn mul(self, other: Row) -> Row {
        map(|v| _mm512_mul_ps(self.0[v], other.0[v]))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn div(self, other: Row) -> Row {
        map(|v| _mm512_div_ps(self.0[v], other.0[v]))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn max(self, other: Row) -> Row {
        map(|v| _mm512_max_ps(self.0[v], other.0[v]))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn min(self, other: Row) -> Row {
        map(|v| _mm512_min_ps(self.0[v], other.0[v]))
    }

    /// `self * factor + term`.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn mul_add(self, factor: Row, term: Row) -> Row {
        map(|v| _mm512_fmadd_ps(self.0[v], factor.0[v], term.0[v]))
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn sqrt(self) -> Row {
        map(|v| _mm512_sqrt_ps(self.0[v]))
    }

    /// The exponential, to within 2 units of the last place; 0 far below 0. For numbers up to 0, as a softmax has them.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn exp(self) -> Row {
        // 2^n e^r with |r| at most ln(2) / 2; ln(2) in two parts, so that r keeps its low bits.
        let n = map(|v| {
            let n = _mm512_mul_ps(self.0[v], _mm512_set1_ps(std::f32::consts::LOG2_E));
            _mm512_roundscale_ps::<0x08>(n)
        });
        let r = n.mul_add(Row::splat(-0.693_359_4), self);
        let r = n.mul_add(Row::splat(2.121_944_4e-4), r);
        let p =
            polynomial(r, [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5, 1.0, 1.0]);
        map(|v| _mm512_scalef_ps(p.0[v], n.0[v]))
    }

    /// The exact GELU, `x (1 + erf(x / sqrt 2)) / 2`, with an error function accurate to 3e-7.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn gelu(self) -> Row {
        // Beyond 4 the error function is 1 in float32.
        let x = self.mul(Row::splat(std::f32::consts::FRAC_1_SQRT_2));
        let x = x.min(Row::splat(4.0)).max(Row::splat(-4.0));
        let square = x.mul(x);
        let numerator = polynomial(
            square,
            [
                -2.726_142_3e-10,
                2.770_681_4e-8,
                -2.101_024e-6,
                -5.692_506_4e-5,
                -7.349_906_4e-4,
                -2.954_6e-3,
                -1.609_603_3e-2,
            ],
        );
        let denominator =
            polynomial(square, [-1.456_607_2e-5, -2.133_740_6e-4, -1.682_827e-3, -7.373_329e-3, -1.426_473_9e-2]);
        let erf = x.mul(numerator).div(denominator);
        let half = self.mul(Row::splat(0.5));
        half.mul_add(erf, half)
    }

    /// The values of all points.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn to_array(self) -> [f32; POINTS] {
        let mut values = [0.0; POINTS];
        for (values, vector) in values.as_chunks_mut::<LANES>().0.iter_mut().zip(self.0) {
            // SAFETY: there is room for a vector.
            unsafe { _mm512_storeu_ps(values.as_mut_ptr(), vector) };
        }
        values
    }
}

/// `c[0] x^(n-1) + .. + c[n-1]`.
#[target_feature(enable = "avx512f")]
#[inline]
fn polynomial<const N: usize>(x: Row, coefficients: [f32; N]) -> Row {
    let mut sum = Row::splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = sum.mul_add(x, Row::splat(coefficient));
    }
    sum
}

/// Mean and 1 / sqrt(variance + eps) over the features of each point.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn moments(x: &[Row], eps: f32) -> (Row, Row) {
    let by_count = Row::splat(1.0 / x.len() as f32);
    let mean = sum(x, |x| x).mul(by_count);
    let variance = sum(x, |x| x.sub(mean).mul(x.sub(mean))).mul(by_count);
    (mean, Row::splat(1.0).div(variance.add(Row::splat(eps)).sqrt()))
}

/// Sum of `term` over all rows, in two independent chains.
#[target_feature(enable = "avx512f")]
#[inline]
fn sum(x: &[Row], term: impl Fn(Row) -> Row) -> Row {
    let mut sums = [Row::splat(0.0); 2];
    let (pairs, rest) = x.as_chunks::<2>();
    for pair in pairs {
        sums = [sums[0].add(term(pair[0])), sums[1].add(term(pair[1]))];
    }
    for &row in rest {
        sums[0] = sums[0].add(term(row));
    }
    sums[0].add(sums[1])
}

/// Sets rows `16 block..` of `out` from what `values` has of each point: 16 consecutive features of that point.
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn transpose_into(out: &mut [Row], block: usize, values: impl Fn(usize) -> __m512) {
    for v in 0..VECTORS {
        let columns = transposed(std::array::from_fn(|lane| values(v * LANES + lane)));
        for (row, column) in out[block * LANES..].iter_mut().zip(columns) {
            row.0[v] = column;
        }
    }
}

/// Lane j of vector i becomes lane i of vector j.
#[target_feature(enable = "avx512f")]
#[inline]
fn transposed(x: [__m512; 16]) -> [__m512; 16] {
    // Pairs, then quadruples, within the four 128-bit quarters.
    let pairs: [__m512; 16] = std::array::from_fn(|i| {
        let (a, b) = (x[i & !1], x[i | 1]);
        if i & 1 == 0 { _mm512_unpacklo_ps(a, b) } else { _mm512_unpackhi_ps(a, b) }
    });
    let quadruples: [__m512; 16] = std::array::from_fn(|i| {
        // Column i % 4 of each quarter, rows 4 (i / 4) .. + 4.
        let (group, column) = (i & !3, i & 3);
        let (a, b) = (_mm512_castps_pd(pairs[group + column / 2]), _mm512_castps_pd(pairs[group + column / 2 + 2]));
        _mm512_castpd_ps(if column & 1 == 0 { _mm512_unpacklo_pd(a, b) } else { _mm512_unpackhi_pd(a, b) })
    });
    // Then the quarters: quarter q of the groups 0, 1, 2, 3 side by side.
    let mut columns = quadruples;
    for c in 0..4 {
        let [a, b, c4, d] = [0, 4, 8, 12].map(|group| quadruples[group + c]);
        let (low, high) = (_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
        let (low2, high2) = (_mm512_shuffle_f32x4::<0x88>(c4, d), _mm512_shuffle_f32x4::<0xdd>(c4, d));
        columns[c] = _mm512_shuffle_f32x4::<0x88>(low, low2);
        columns[c + 8] = _mm512_shuffle_f32x4::<0xdd>(low, low2);
        columns[c + 4] = _mm512_shuffle_f32x4::<0x88>(high, high2);
        columns[c + 12] = _mm512_shuffle_f32x4::<0xdd>(high, high2);
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: [f32; POINTS]) -> Row {
        let mut rows = vec![Row([unsafe { std::mem::zeroed() }; VECTORS]); LANES];
        // SAFETY: the callers have detected AVX-512.
        unsafe { transpose_into(&mut rows, 0, |point| _mm512_set1_ps(values[point])) };
        rows[0]
    }

    /// The error function by its series, in float64.
    fn erf(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn functions_are_as_good_as_float32() {
        if !is_x86_feature_detected!("avx512f") {
            return;
        }
        for step in 0..2000 {
            let values: [f32; POINTS] = std::array::from_fn(|i| (step * POINTS + i) as f32 / 64_000.0);
            let (below, around) = (values.map(|t| -100.0 * t), values.map(|t| 10.0 * t - 5.0));
            // SAFETY: AVX-512 is there.
            let (exps, gelus) = unsafe { (row(below).exp().to_array(), row(around).gelu().to_array()) };
            for i in 0..POINTS {
                let exp = f64::from(below[i]).exp();
                assert!((f64::from(exps[i]) - exp).abs() <= 3e-7 * exp.max(1e-37), "exp {}: {}", below[i], exps[i]);
                let x = f64::from(around[i]);
                let gelu = x / 2.0 * (1.0 + erf(x / std::f64::consts::SQRT_2));
                assert!((f64::from(gelus[i]) - gelu).abs() < 1e-6, "gelu {x}: {} not {gelu}", gelus[i]);
            }
        }
    }

    #[test]
    fn a_transposed_block_has_its_values_in_place() {
        if !is_x86_feature_detected!("avx512f") {
            return;
        }
        let values: Vec<f32> = (0..POINTS * LANES).map(|i| i as f32).collect();
        let mut rows = vec![row([0.0; POINTS]); LANES];
        // SAFETY: AVX-512 is there, and every point has a vector of values.
        unsafe { transpose_into(&mut rows, 0, |point| _mm512_loadu_ps(values[point * LANES..].as_ptr())) };
        for (feature, row) in rows.iter().enumerate() {
            // SAFETY: AVX-512 is there.
            let row = unsafe { row.to_array() };
            assert!((0..POINTS).all(|point| row[point] == values[point * LANES + feature]), "{feature}: {row:?}");
        }
    }
}

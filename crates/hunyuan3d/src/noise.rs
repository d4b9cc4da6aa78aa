//! The noise that a sample starts from: a function of the seed alone.
//!
//! The generator is Philox4x32-10 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC 2011). The key is
//! the seed (low word, high word); the counter of block n = 0, 1, ... is (n low, n high, 0, 0). A block's four words
//! make four standard normal numbers by Box and Muller's method in float64: from the words w0 and w1,
//! `u = (w0 + 1) / 2^32`, `a = 2 pi w1 / 2^32`, numbers `sqrt(-2 ln u) cos a` and `sqrt(-2 ln u) sin a`; likewise from w2
//! and w3. The numbers fill the latents in row-major order, rounded to float32.

use std::f64::consts::TAU;

use tch::Tensor;

/// Standard normal noise of `shape`, float32, on the CPU.
pub fn standard_normal(seed: u64, shape: &[i64]) -> Tensor {
    let count = shape.iter().product::<i64>().max(0) as usize;
    let mut values = Vec::with_capacity(count.next_multiple_of(4));
    for block in 0..count.div_ceil(4) as u64 {
        let [w0, w1, w2, w3] = philox([block as u32, (block >> 32) as u32, 0, 0], [seed as u32, (seed >> 32) as u32]);
        values.extend(box_muller(w0, w1));
        values.extend(box_muller(w2, w3));
    }
    Tensor::from_slice(&values[..count]).view(shape)
}

fn box_muller(w0: u32, w1: u32) -> [f32; 2] {
    const SPAN: f64 = 4_294_967_296.0; // 2^32
    let radius = (-2.0 * ((f64::from(w0) + 1.0) / SPAN).ln()).sqrt();
    let (sin, cos) = (TAU * f64::from(w1) / SPAN).sin_cos();
    [(radius * cos) as f32, (radius * sin) as f32]
}

/// One block of Philox4x32-10.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let [c0, c1, c2, c3] = counter;
        let a = u64::from(c0) * 0xD251_1F53;
        let b = u64::from(c2) * 0xCD9E_8D57;
        counter = [(b >> 32) as u32 ^ c1 ^ key[0], b as u32, (a >> 32) as u32 ^ c3 ^ key[1], a as u32];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Known answers of the authors' library (Random123, `kat_vectors`).
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn noise_is_standard_normal() {
        let noise = standard_normal(7, &[3, 1000, 64]).view(-1);
        let moment = |power: f64| noise.pow_tensor_scalar(power).mean(None).double_value(&[]);
        // Standard errors of the four moments of 192,000 numbers are about 0.002, 0.003, 0.009 and 0.022.
        for (power, expected, tolerance) in [(1.0, 0.0, 0.01), (2.0, 1.0, 0.015), (3.0, 0.0, 0.04), (4.0, 3.0, 0.1)] {
            let got = moment(power);
            assert!((got - expected).abs() < tolerance, "moment {power}: {got}");
        }
        // Neighbours come from one block: they must not be related.
        let (x, y) = (noise.narrow(0, 0, 191_999), noise.narrow(0, 1, 191_999));
        assert!((x * y).mean(None).double_value(&[]).abs() < 0.01);
    }

    #[test]
    fn noise_follows_from_the_seed() {
        let of = |seed| Vec::<f32>::try_from(standard_normal(seed, &[1, 3, 7]).view(-1)).unwrap();
        assert_eq!(of(5), of(5));
        assert_ne!(of(5), of(6));
        assert_ne!(of(5), of(5 | 1 << 40));
    }
}

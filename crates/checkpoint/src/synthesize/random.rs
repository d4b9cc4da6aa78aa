use ring::digest::{Context, SHA256};

/// SplitMix64 (Steele, Lea, Flood 2014): a counter and a mixing function. Chosen because its
/// numbers are the same on every machine and in every version.
pub(super) struct SplitMix(u64);

impl SplitMix {
    /// The stream of one tensor, which does not depend on the others.
    pub(super) fn of(seed: u64, name: &str) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(&seed.to_le_bytes());
        context.update(name.as_bytes());
        let digest = context.finish();
        let first = digest.as_ref().first_chunk().expect("SHA-256 has more than 8 bytes. This is a bug.");
        Self(u64::from_le_bytes(*first))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform values with this mean and standard deviation.
    pub(super) fn fill(&mut self, values: &mut [f32], mean: f32, deviation: f32) {
        // A uniform distribution over [-1, 1] deviates by 1 / sqrt(3). Four values of 16 bits come from one draw.
        let step = deviation * 3f32.sqrt() / 32768.0;
        for four in values.chunks_mut(4) {
            let bits = self.next();
            for (lane, value) in four.iter_mut().enumerate() {
                let signed = (bits >> (16 * lane)) as u16 as i16;
                *value = mean + (f32::from(signed) + 0.5) * step;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs for seed 0 of the published reference.
    #[test]
    fn it_is_splitmix64() {
        let mut random = SplitMix(0);
        assert_eq!([random.next(), random.next()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn values_have_the_asked_mean_and_deviation() {
        let mut values = vec![0.0; 1 << 18];
        SplitMix::of(7, "a").fill(&mut values, 0.5, 0.1);
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
        assert!((mean - 0.5).abs() < 1e-3, "{mean}");
        assert!((variance.sqrt() - 0.1).abs() < 1e-3, "{variance}");
    }
}

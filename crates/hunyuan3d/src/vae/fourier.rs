//! Fourier features of points (specification section 9.1).

use tch::{Device, Kind, Tensor};

/// Point embedding: coordinates, then sines, then cosines of the coordinates at the frequencies 2^0 .. 2^(F-1).
#[derive(Debug)]
pub struct FourierEmbedding {
    frequencies: Tensor,
}

impl FourierEmbedding {
    /// `num_freqs` octaves from frequency 1, or from pi if `include_pi`. Always float32: at the highest frequencies a
    /// half-precision product would keep only a few bits of the phase.
    pub fn new(num_freqs: i64, include_pi: bool, device: Device) -> FourierEmbedding {
        let unit = if include_pi { std::f64::consts::PI } else { 1.0 };
        let frequencies: Vec<f64> = (0..num_freqs).map(|k| (k as f64).exp2() * unit).collect();
        FourierEmbedding { frequencies: Tensor::from_slice(&frequencies).to_kind(Kind::Float).to_device(device) }
    }

    /// Where the frequencies are, and the features will be.
    pub fn device(&self) -> Device {
        self.frequencies.device()
    }

    /// Number of frequencies F.
    pub fn num_freqs(&self) -> i64 {
        self.frequencies.size()[0]
    }

    /// Width of the features, 3 (2F + 1).
    pub fn width(&self) -> i64 {
        3 * (2 * self.num_freqs() + 1)
    }

    /// `points` [.., 3] -> features [.., 3 (2F + 1)], float32.
    pub fn forward(&self, points: &Tensor) -> Tensor {
        let points = points.to_kind(Kind::Float);
        let angles = (points.unsqueeze(-1) * &self.frequencies).flatten(-2, -1); // [.., 3 F], coordinate-major
        Tensor::cat(&[points, angles.sin(), angles.cos()], -1)
    }

    /// What one coordinate contributes: `coordinates` `[n]` -> its value, sines and cosines [n, 2F + 1], float32.
    pub fn axis(&self, coordinates: &Tensor) -> Tensor {
        let coordinates = coordinates.to_kind(Kind::Float).unsqueeze(-1); // [n, 1]
        let angles = &coordinates * &self.frequencies; // [n, F]
        Tensor::cat(&[coordinates, angles.sin(), angles.cos()], -1)
    }

    /// The features (of `0..width()`) that come from one axis, in the order of [`FourierEmbedding::axis`].
    pub fn axis_features(&self, axis: i64) -> Vec<i64> {
        let f = self.num_freqs();
        let sines = 3 + axis * f;
        let cosines = 3 + (3 + axis) * f;
        std::iter::once(axis).chain(sines..sines + f).chain(cosines..cosines + f).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axis_parts_make_up_the_whole() {
        let embedding = FourierEmbedding::new(6, true, Device::Cpu);
        let points = Tensor::randn([7, 3], (Kind::Float, Device::Cpu));
        let whole = embedding.forward(&points);
        assert_eq!(whole.size(), [7, embedding.width()]);
        for axis in 0..3 {
            let part = embedding.axis(&points.select(1, axis));
            let columns = Tensor::from_slice(&embedding.axis_features(axis));
            assert!(whole.index_select(1, &columns).equal(&part));
        }
    }
}

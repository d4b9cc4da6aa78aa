use tch::{Kind, Tensor};

use crate::error::Error;

/// Root-mean-square norm over the last dimension, `x * rsqrt(mean(x^2) + eps) * weight`.
///
/// Statistics are taken in float32 whatever the type of `x`; the normalised value is rounded to that type before it is
/// scaled (section 16).
#[derive(Debug)]
pub struct RmsNorm {
    weight: Tensor,
    dim: i64,
    eps: f64,
}

impl RmsNorm {
    /// With the given `weight`, whose last dimension is normalised over. The dimensions before it broadcast against
    /// those of `x`, so that one norm can treat q and k, stacked, each with its own weight.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `weight` is a scalar.
    pub fn new(weight: Tensor, eps: f64) -> Result<RmsNorm, Error> {
        let Some(&dim) = weight.size().last() else {
            return Err(Error::Invalid("the weight of a norm is a scalar".to_owned()));
        };
        Ok(RmsNorm { weight, dim, eps })
    }

    /// `x` [.., dim] -> the same shape.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        if x.device().is_cuda() {
            return x.rms_norm::<&Tensor>([self.dim], None, self.eps).g_mul_(&self.weight);
        }
        // On the CPU libtorch has no fused kernel for this norm; these are the three passes of its definition.
        let root_dim = (self.dim as f64).sqrt();
        let mut norm = x.linalg_norm(2.0, &[-1][..], true, Kind::Float) / root_dim; // [.., 1]
        let rms = norm.square_().g_add_scalar_(self.eps).rsqrt_();
        match x.kind() {
            Kind::Float => (x * rms).g_mul_(&self.weight),
            kind => (x.to_kind(Kind::Float) * rms).to_kind(kind).g_mul_(&self.weight),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use tch::Device;

    use super::*;

    #[test]
    fn it_is_what_its_formula_says() {
        tch::manual_seed(1);
        let x = Tensor::randn([2, 5, 2, 3, 8], (Kind::Double, Device::Cpu)) * 3.0;
        let weight = Tensor::randn([2, 1, 8], (Kind::Double, Device::Cpu));
        let eps = 1e-2; // large enough to be seen
        let mean = x.square().mean_dim(&[-1][..], true, Kind::Double);
        let expected = &x * (mean + eps).rsqrt() * &weight;
        for (kind, tolerance) in [(Kind::Float, 1e-6), (Kind::Half, 4e-3), (Kind::BFloat16, 3e-2)] {
            let got = RmsNorm::new(weight.to_kind(kind), eps).unwrap().forward(&x.to_kind(kind));
            assert_eq!(got.kind(), kind);
            let error = (got.to_kind(Kind::Double) - &expected).abs().max() / expected.abs().max();
            assert!(error.double_value(&[]) < tolerance, "{kind:?}: {error}");
        }
    }

    #[test]
    fn half_precision_does_not_overflow() {
        let x = Tensor::full([1, 8], 6e4, (Kind::Half, Device::Cpu));
        let weight = Tensor::ones([8], (Kind::Half, Device::Cpu));
        let got = RmsNorm::new(weight, 1e-6).unwrap().forward(&x);
        assert!((got.max().double_value(&[]) - 1.0).abs() < 1e-3);
    }
}

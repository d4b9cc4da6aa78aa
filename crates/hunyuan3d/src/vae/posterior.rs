//! The encoder's posterior over the latents of a shape: a diagonal Gaussian (specification section 9.4).

use tch::Tensor;

/// Mean and log-variance of the latents of a batch of shapes, both [B, L, C].
#[derive(Debug)]
pub struct Posterior {
    mean: Tensor,
    log_variance: Tensor,
}

impl Posterior {
    /// From `pre_kl`'s output [B, L, 2 C]: mean, then log-variance, which is clamped to [-30, 20].
    pub(crate) fn from_moments(moments: &Tensor) -> Posterior {
        let channels = moments.size().last().copied().unwrap_or(0) / 2;
        Posterior {
            mean: moments.narrow(-1, 0, channels),
            log_variance: moments.narrow(-1, channels, channels).clamp(-30.0, 20.0),
        }
    }

    /// The most likely latents, which are the mean [B, L, C]. A denoiser's latents are these times `scale_factor`.
    pub fn mode(&self) -> &Tensor {
        &self.mean
    }

    /// Log-variance [B, L, C], within [-30, 20].
    pub fn log_variance(&self) -> &Tensor {
        &self.log_variance
    }

    /// One draw: `noise` is standard normal, [B, L, C].
    pub fn sample(&self, noise: &Tensor) -> Tensor {
        &self.mean + (&self.log_variance * 0.5).exp() * noise.to_kind(self.mean.kind()).to_device(self.mean.device())
    }
}

//! The denoiser of 2.1 (section 8): self attention and cross attention to the context, U-shaped skip connections, and a
//! mixture of experts in the last blocks. Time is a separate token.

mod attention;
mod block;
mod feed_forward;

use checkpoint::config::HunYuanDiTPlainConfig;
use tch::Tensor;

use self::block::Block;
use self::feed_forward::FeedForward;
use super::sinusoid::{Order, Sinusoid};
use super::{Denoiser, Input};
use crate::error::Error;
use crate::layers::{LayerNorm, Linear};
use crate::probe::Probe;
use crate::weights::Weights;

/// Epsilon of all norms.
const EPS: f64 = 1e-6;
/// Period of the time embedding. Time is in [0, 1] and is used as it is (section 8).
const PERIOD: f64 = 10_000.0;

/// The plain denoiser.
#[derive(Debug)]
pub struct HunYuanDiTPlain {
    x_embedder: Linear,
    sinusoid: Sinusoid,
    t_embedder: FeedForward,
    blocks: Vec<Block>,
    norm_final: LayerNorm,
    linear: Linear,
}

impl HunYuanDiTPlain {
    /// Reads the network at `w`.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or misshapen.
    pub fn new(config: &HunYuanDiTPlainConfig, w: &Weights) -> Result<HunYuanDiTPlain, Error> {
        let dim = config.hidden_size;
        Ok(HunYuanDiTPlain {
            x_embedder: Linear::new(w / "x_embedder", config.in_channels, dim, true)?,
            sinusoid: Sinusoid::new(dim / 2, PERIOD, 1.0, Order::SinCos, w.device()),
            t_embedder: FeedForward::new(&(w / "t_embedder" / "mlp"), ["0", "2"], dim)?,
            blocks: (0..config.depth).map(|i| Block::new(i, config, &(w / "blocks" / i))).collect::<Result<_, _>>()?,
            norm_final: LayerNorm::new(w / "final_layer" / "norm_final", dim, EPS)?,
            linear: Linear::new(w / "final_layer" / "linear", dim, config.in_channels, true)?,
        })
    }

    /// `time` `[B]` -> `[B, 1, D]`.
    fn time_token(&self, time: &Tensor, probe: Probe<'_>) -> Tensor {
        let embedding = self.sinusoid.forward(time); // [B, D]
        let token = self.t_embedder.forward(&embedding).unsqueeze(1);
        probe.see(format_args!("timestep_embedding"), &embedding);
        probe.see(format_args!("t_embedder"), &token);
        token
    }
}

impl Denoiser for HunYuanDiTPlain {
    fn width(&self) -> i64 {
        self.x_embedder.weight().size()[0]
    }

    fn guidance_embed(&self) -> bool {
        false
    }

    fn forward(&self, input: &Input<'_>, probe: Probe<'_>) -> Tensor {
        let x = self.x_embedder.forward(input.latents); // [B, L, D]
        probe.see(format_args!("x_embedder"), &x);
        let l = x.size()[1];
        let mut x = Tensor::cat(&[self.time_token(input.time, probe), x], 1); // [B, 1 + L, D]

        let half = self.blocks.len() / 2;
        let mut skips = Vec::with_capacity(half);
        for (i, block) in self.blocks.iter().enumerate() {
            let skip = if i > half { skips.pop() } else { None };
            x = block.forward(x, skip.as_ref(), input.context, probe);
            if i < half {
                skips.push(x.shallow_clone());
            }
        }
        self.linear.forward(&self.norm_final.forward(&x).narrow(1, 1, l)) // [B, L, C]
    }
}

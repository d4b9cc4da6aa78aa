//! The denoiser of 2.0, 2mini and 2mv (section 7): double stream blocks, in which latents and context keep their own
//! weights and meet in the attention, then single stream blocks on both joined.
//!
//! Latents are an unordered set: there is no positional encoding.

mod attention;
mod double_block;
mod embedder;
mod modulation;
mod single_block;

use checkpoint::config::Hunyuan3DDiTConfig;
use tch::Tensor;

use self::double_block::DoubleStreamBlock;
use self::embedder::Embedder;
use self::modulation::Modulations;
use self::single_block::SingleStreamBlock;
use super::sinusoid::{Order, Sinusoid};
use super::{Denoiser, Input};
use crate::error::Error;
use crate::layers::Linear;
use crate::probe::Probe;
use crate::weights::Weights;

/// Epsilon of all norms.
const EPS: f64 = 1e-6;
/// Width of the sinusoidal embedding of time and guidance.
const EMBEDDING: i64 = 256;
/// Factor on time and guidance before the embedding. The `time_factor` of the published configurations is not this factor:
/// the networks were trained with it as the period (section 7).
const TIME_FACTOR: f64 = 1000.0;

/// The double and single stream denoiser.
#[derive(Debug)]
pub struct Hunyuan3DDiT {
    latent_in: Linear,
    cond_in: Linear,
    sinusoid: Sinusoid,
    time_in: Embedder,
    guidance_in: Option<Embedder>,
    modulations: Modulations,
    double_blocks: Vec<DoubleStreamBlock>,
    single_blocks: Vec<SingleStreamBlock>,
    final_linear: Linear,
}

impl Hunyuan3DDiT {
    /// Reads the network at `w`.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or misshapen.
    pub fn new(config: &Hunyuan3DDiTConfig, w: &Weights) -> Result<Hunyuan3DDiT, Error> {
        let dim = config.hidden_size;
        let embedder = |name: &str| Embedder::new(&(w / name), EMBEDDING, dim);
        let half = EMBEDDING / 2;
        Ok(Hunyuan3DDiT {
            latent_in: Linear::new(w / "latent_in", config.in_channels, dim, true)?,
            cond_in: Linear::new(w / "cond_in", config.context_in_dim, dim, true)?,
            sinusoid: Sinusoid::new(half, config.time_factor, TIME_FACTOR, Order::CosSin, w.device()),
            time_in: embedder("time_in")?,
            guidance_in: config.guidance_embed.then(|| embedder("guidance_in")).transpose()?,
            modulations: Modulations::new(config, w)?,
            double_blocks: (0..config.depth)
                .map(|i| DoubleStreamBlock::new(i, config, &(w / "double_blocks" / i)))
                .collect::<Result<_, _>>()?,
            single_blocks: (0..config.depth_single_blocks)
                .map(|i| SingleStreamBlock::new(i, config, &(w / "single_blocks" / i)))
                .collect::<Result<_, _>>()?,
            final_linear: Linear::new(w / "final_layer" / "linear", dim, config.in_channels, true)?,
        })
    }

    /// The modulation vector of all blocks: the embedded time, plus the embedded guidance if it is an input. -> [B, D].
    fn vec(&self, input: &Input<'_>, probe: Probe<'_>) -> Tensor {
        let embedding = self.sinusoid.forward(input.time); // [B, 256]
        let mut vec = self.time_in.forward(&embedding); // [B, D]
        probe.see(format_args!("timestep_embedding"), &embedding);
        probe.see(format_args!("time_in"), &vec);
        if let (Some(guidance_in), Some(guidance)) = (&self.guidance_in, input.guidance) {
            let embedding = self.sinusoid.forward(guidance);
            let guidance = guidance_in.forward(&embedding);
            probe.see(format_args!("guidance_embedding"), &embedding);
            probe.see(format_args!("guidance_in"), &guidance);
            vec += guidance;
        }
        vec
    }
}

impl Hunyuan3DDiT {
    /// The context projected to the width of the network, [B, T, D], and the bias on the attention scores, if there is one.
    /// A context of zeros becomes the bias of `cond_in`.
    ///
    /// Tokens have no position, so T equal tokens stay equal in every block. If the context of all rows is zeros, one
    /// token replaces the T equal ones: [B, 1, D]; its scores are raised by ln T, which multiplies its weight in every
    /// softmax by T.
    fn context(&self, input: &Input<'_>) -> (Tensor, Option<Tensor>) {
        let (with_context, t) = (input.context.size()[0], input.context.size()[1]);
        let (rows, l) = (input.latents.size()[0] - with_context, input.latents.size()[1]);
        let zeros = |t: i64| self.cond_in.of_zeros().expand([rows, t, -1], true);
        if with_context == 0 {
            let bias = Tensor::zeros([1, 1, 1, 1 + l], (input.latents.kind(), input.latents.device()));
            let _ = bias.narrow(3, 0, 1).fill_((t as f64).ln());
            return (zeros(1).copy(), Some(bias));
        }
        let txt = self.cond_in.forward(input.context); // [Bc, T, D]
        (if rows > 0 { Tensor::cat(&[txt, zeros(t)], 0) } else { txt }, None)
    }
}

impl Denoiser for Hunyuan3DDiT {
    fn width(&self) -> i64 {
        self.latent_in.weight().size()[0]
    }

    fn guidance_embed(&self) -> bool {
        self.guidance_in.is_some()
    }

    fn forward(&self, input: &Input<'_>, probe: Probe<'_>) -> Tensor {
        let vec = self.vec(input, probe);
        let modulations = self.modulations.forward(&vec);
        let mut img = self.latent_in.forward(input.latents); // [B, L, D]
        let (mut txt, bias) = self.context(input); // [B, T, D]
        let bias = bias.as_ref();
        probe.see(format_args!("latent_in"), &img);
        probe.see(format_args!("cond_in"), &txt);

        for (block, modulation) in self.double_blocks.iter().zip(&modulations.double) {
            block.forward(&mut img, &mut txt, modulation, bias, probe);
        }
        let (t, l) = (txt.size()[1], img.size()[1]);
        let mut z = Tensor::cat(&[txt, img], 1); // [B, T + L, D]
        for (block, modulation) in self.single_blocks.iter().zip(&modulations.single) {
            block.forward(&mut z, modulation, bias, probe);
        }
        self.final_linear.forward(&modulations.last.apply(&z.narrow(1, t, l))) // [B, L, C]
    }
}

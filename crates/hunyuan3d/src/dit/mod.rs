//! Denoisers: networks that predict the velocity of noisy latents towards the data, conditioned on image tokens.
//!
//! [`Hunyuan3DDiT`] is the network of 2.0, 2mini and 2mv (section 7), [`HunYuanDiTPlain`] that of 2.1 (section 8).

mod double_single;
mod plain;
mod sinusoid;

use std::fmt;

use checkpoint::config::DenoiserConfig;
use tch::Tensor;

pub use double_single::Hunyuan3DDiT;
pub use plain::HunYuanDiTPlain;

use crate::error::Error;
use crate::probe::Probe;
use crate::weights::Weights;

/// A denoiser.
pub trait Denoiser: fmt::Debug + Send {
    /// Width of the network.
    fn width(&self) -> i64;

    /// Whether the guidance scale is an input. If it is not, guidance takes a second, unconditional row.
    fn guidance_embed(&self) -> bool;

    /// The velocity d(sample)/d(sigma), [B, L, C]. Rows do not influence one another.
    fn forward(&self, input: &Input<'_>, probe: Probe<'_>) -> Tensor;
}

/// The input of a denoiser, on its device and of its type.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// Noisy latents [B, L, C].
    pub latents: &'a Tensor,
    /// Position in the schedule of each row `[B]`, 0 (noise) to 1 (data).
    pub time: &'a Tensor,
    /// Context tokens [Bc, T, X] of the first Bc rows, Bc at most B. The context of the other rows is T zeros: these are
    /// the unconditional rows of guidance, for which there is less to compute, least in a pass without other rows.
    pub context: &'a Tensor,
    /// Guidance scale of each row `[B]`, for denoisers that have it as an input.
    pub guidance: Option<&'a Tensor>,
}

/// The denoiser that `config` describes, its tensors at `w`.
///
/// # Errors
/// [`Error::Weights`] if a tensor is missing or misshapen.
pub fn denoiser(config: &DenoiserConfig, w: &Weights) -> Result<Box<dyn Denoiser>, Error> {
    Ok(match config {
        DenoiserConfig::Hunyuan3DDiT(config) => Box::new(Hunyuan3DDiT::new(config, w)?),
        DenoiserConfig::HunYuanDiTPlain(config) => Box::new(HunYuanDiTPlain::new(config, w)?),
    })
}

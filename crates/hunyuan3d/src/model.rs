//! What a server needs of a model: [`ImageTo3d`], and the values that pass through it.

use tch::Tensor;

use crate::device::Dtype;
use crate::error::Error;
use crate::image::{Picture, Processed};
use crate::sampling::Sample;
use crate::volume::{DecodeOptions, Field};

/// A model that turns pictures into fields, in stages that a server can batch.
///
/// `preprocess` (any thread's work, but here for its settings) -> `encode` -> `start` -> `step` until
/// [`Sample::is_done`] -> `decode`. Results do not depend on what else is in a batch: neither the noise, which follows
/// from the seed, nor the network passes.
///
/// Implementations are `Send`, not `Sync`: one thread owns a model.
pub trait ImageTo3d: Send {
    /// What the model is.
    fn info(&self) -> &ModelInfo;

    /// Crops, centres and scales a decoded picture (section 5). On the CPU.
    ///
    /// # Errors
    /// [`Error::Invalid`] if nothing is visible in the picture, or if the model needs named views and got one picture,
    /// or the other way round.
    fn preprocess(&self, picture: &Picture) -> Result<Processed, Error>;

    /// Encodes pictures in one batch (section 6); one row of the result for each.
    ///
    /// # Errors
    /// [`Error::Torch`].
    fn encode(&self, pictures: &[Processed]) -> Result<Vec<Conditioning>, Error>;

    /// The start of a sample: noise from the seed, made on the CPU, the same on every device and in any batch.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the request has no steps or a guidance scale that is not a number.
    fn start(&self, conditioning: Conditioning, request: &SampleRequest) -> Result<Sample, Error>;

    /// One denoising step for each row that is not done. Rows may stand at different steps, of different schedules,
    /// with different guidance scales; those whose conditionings have the same length share one network pass.
    ///
    /// # Errors
    /// [`Error::Torch`]; no row has moved then.
    fn step(&self, rows: &mut [&mut Sample]) -> Result<(), Error>;

    /// The fields of finished samples (section 12), in order.
    ///
    /// # Errors
    /// [`Error::Invalid`] for options out of range; [`Error::Torch`].
    fn decode(&self, rows: &[&Sample], options: &DecodeOptions) -> Result<Vec<Field>, Error>;
}

/// What a model is, and how it is best run.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Name of the model's directory.
    pub name: String,
    /// Class of the denoiser: `Hunyuan3DDiT` (2.0, 2mini, 2mv) or `HunYuanDiTPlain` (2.1).
    pub denoiser: &'static str,
    /// Device it runs on, e.g. `cpu`, `cuda:0`.
    pub device: String,
    /// Type of number it computes with.
    pub dtype: Dtype,
    /// Latent tokens of one shape.
    pub num_latents: i64,
    /// Whether guidance is an input of the network; if not, every guided row takes two rows of a network pass.
    pub guidance_embed: bool,
    /// Whether it takes named views in place of one picture.
    pub multi_view: bool,
    /// Denoising steps to take when a request names none.
    pub default_steps: u32,
    /// Guidance scale when a request names none.
    pub default_guidance_scale: f64,
    /// Cells per axis of the decoded grid when a request names none.
    pub default_octree_resolution: u32,
    /// SHA-256 of configuration and weights, hexadecimal: equal digests make equal shapes.
    pub digest: String,
}

/// An encoded picture, on the model's device.
#[derive(Debug)]
pub struct Conditioning {
    /// Context tokens [1, T, X].
    pub(crate) context: Tensor,
}

impl Conditioning {
    /// From context tokens [1, T, X] at hand.
    pub fn new(context: Tensor) -> Conditioning {
        Conditioning { context }
    }

    /// Context tokens [1, T, X].
    pub fn context(&self) -> &Tensor {
        &self.context
    }
}

/// How a sample is to be drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleRequest {
    /// Denoising steps, at least 1.
    pub steps: u32,
    /// Strength of the picture's influence. Negative switches guidance off.
    pub guidance_scale: f64,
    /// Seed of the noise.
    pub seed: u64,
}

//! The shape VAE (specification sections 9 and 15): latents to tokens, tokens and points to logits, and surface points
//! to latents.
//!
//! ```text
//! latents / scale_factor --post_kl, transformer--> tokens --geo_decoder--> logit of any point
//! surface points --encoder--> Posterior
//! ```
//!
//! Every method takes a batch, and rows of a batch are independent. `volume` decodes whole fields.

mod attention;
mod encoder;
mod fourier;
#[cfg_attr(not(all(target_arch = "x86_64", feature = "avx512")), path = "fused/absent.rs")]
mod fused;
mod geometry;
mod lattice;
mod posterior;
mod sampling;
mod transformer;

use checkpoint::config::VaeConfig;
use tch::{Kind, Tensor};

pub use encoder::Encoder;
pub use fourier::FourierEmbedding;
pub(crate) use geometry::ShapeKeyValues;
pub use geometry::{GeometryDecoder, LatentKeyValues};
pub(crate) use lattice::Lattice;
pub use posterior::Posterior;
pub use sampling::{SurfaceSampling, farthest_points};

use crate::error::Error;
use crate::layers::Linear;
use crate::probe::Probe;
use crate::weights::Weights;
use attention::BlockConfig;
use transformer::Transformer;

/// The MLP factor of the decoder transformer; only the geometry decoder's can be configured.
const MLP_EXPAND: i64 = 4;

/// The shape VAE: decoder, geometry decoder, and the encoder where the weights have one.
#[derive(Debug)]
pub struct ShapeVae {
    post_kl: Linear,
    transformer: Transformer,
    geo_decoder: GeometryDecoder,
    encoder: Option<Encoder>,
    scale_factor: f64,
    kind: Kind,
}

impl ShapeVae {
    /// From weights that start at the VAE (`&bundle / "vae"`, or the root of a stand-alone file).
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor of the decoders is missing or misshapen. A configured encoder must be there too,
    /// except in the 2.1 family, whose files may leave it out.
    pub fn new(w: &Weights, config: &VaeConfig) -> Result<ShapeVae, Error> {
        let block = BlockConfig {
            width: config.width,
            heads: config.heads,
            qkv_bias: config.qkv_bias,
            qk_norm: config.qk_norm,
            mlp_expand: MLP_EXPAND,
        };
        let has_encoder = w.contains("encoder.input_proj.weight") || !config.lenient_encoder;
        let encoder = config.num_encoder_layers.filter(|_| has_encoder).map(|n| Encoder::new(w, config, n));
        Ok(ShapeVae {
            post_kl: Linear::new(w / "post_kl", config.embed_dim, config.width, true)?,
            transformer: Transformer::new(&(w / "transformer"), config.num_decoder_layers, block)?,
            geo_decoder: GeometryDecoder::new(&(w / "geo_decoder"), config)?,
            encoder: encoder.transpose()?,
            scale_factor: config.scale_factor,
            kind: w.kind(),
        })
    }

    /// The factor from the VAE's latents to the denoiser's.
    pub fn scale_factor(&self) -> f64 {
        self.scale_factor
    }

    /// The VAE's own latents [B, N, C] (the denoiser's divided by [`ShapeVae::scale_factor`]; a posterior's as they
    /// are) to tokens [B, N, W]. Shows `post_kl`, `resblock{i}.attn`, `resblock{i}`.
    pub fn decode(&self, latents: &Tensor, probe: Probe<'_>) -> Tensor {
        let x = self.post_kl.forward(&latents.to_kind(self.kind));
        probe.see(format_args!("post_kl"), &x);
        self.transformer.forward(x, probe)
    }

    /// The geometry decoder.
    pub fn geo_decoder(&self) -> &GeometryDecoder {
        &self.geo_decoder
    }

    /// The point-cloud encoder, if the weights have one.
    pub fn encoder(&self) -> Option<&Encoder> {
        self.encoder.as_ref()
    }
}

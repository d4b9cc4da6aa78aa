use serde::{Deserialize, Serialize};

use super::section::{Section, yes};
use crate::Error;

/// Parameters of the shape VAE, `ShapeVAE` (section 9).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VaeConfig {
    /// Latent tokens of one shape, N.
    pub num_latents: i64,
    /// Channels of a latent token, C.
    pub embed_dim: i64,
    /// Frequencies of the point embedding, F.
    #[serde(default = "default_num_freqs")]
    pub num_freqs: i64,
    /// Whether those frequencies are multiples of pi.
    pub include_pi: bool,
    /// Attention heads.
    pub heads: i64,
    /// Width of the transformer, W.
    pub width: i64,
    /// Blocks of the decoder transformer.
    pub num_decoder_layers: i64,
    /// Whether the q, k, v projections have a bias.
    #[serde(default)]
    pub qkv_bias: bool,
    /// Whether q and k are normalised per head.
    #[serde(default = "yes")]
    pub qk_norm: bool,
    /// Factor from the VAE's latents to the denoiser's.
    pub scale_factor: f64,
    /// Width of the geometry decoder's feed-forward part as a multiple of its width, e.
    #[serde(default = "default_mlp_expand_ratio")]
    pub geo_decoder_mlp_expand_ratio: i64,
    /// The geometry decoder's width and heads are W and `heads` divided by this, r.
    #[serde(default = "default_downsample_ratio")]
    pub geo_decoder_downsample_ratio: i64,
    /// Final norm of the geometry decoder; without it, q and k are not normalised there either.
    #[serde(default = "yes")]
    pub geo_decoder_ln_post: bool,
    /// Blocks of the point-cloud encoder; `None` for a VAE that only decodes.
    #[serde(default)]
    pub num_encoder_layers: Option<i64>,
    /// Values of a surface point besides its position.
    #[serde(default)]
    pub point_feats: i64,
    /// Uniform surface points.
    #[serde(default)]
    pub pc_size: i64,
    /// Surface points near sharp edges.
    #[serde(default)]
    pub pc_sharpedge_size: i64,
    /// Surface points per query point.
    #[serde(default = "default_point_ratio")]
    pub downsample_ratio: f64,
    /// The encoder's tensors may be missing or extra (the 2.1 family, section 3).
    #[serde(skip)]
    pub lenient_encoder: bool,
}

fn default_num_freqs() -> i64 {
    8
}

fn default_mlp_expand_ratio() -> i64 {
    4
}

fn default_downsample_ratio() -> i64 {
    1
}

fn default_point_ratio() -> f64 {
    20.0
}

impl VaeConfig {
    /// Width of an embedded point: 3 (2F + 1).
    pub fn fourier_width(&self) -> i64 {
        3 * (2 * self.num_freqs + 1)
    }

    /// Width of the geometry decoder, w = W / r.
    pub fn geo_decoder_width(&self) -> i64 {
        self.width / self.geo_decoder_downsample_ratio
    }

    /// Heads of the geometry decoder, h = heads / r.
    pub fn geo_decoder_heads(&self) -> i64 {
        self.heads / self.geo_decoder_downsample_ratio
    }

    /// Whether the geometry decoder normalises q and k.
    pub fn geo_decoder_qk_norm(&self) -> bool {
        self.qk_norm && self.geo_decoder_ln_post
    }

    pub(super) fn from_section(section: Section) -> Result<Self, Error> {
        if section.class()? != "ShapeVAE" {
            return Err(section.unknown_class());
        }
        let mut config: Self = section.params()?;
        config.lenient_encoder = section.target().starts_with("hy3dshape");
        config.num_encoder_layers = config.num_encoder_layers.filter(|&layers| layers != 0);
        section.check_sizes(&[
            ("num_latents", config.num_latents),
            ("embed_dim", config.embed_dim),
            ("heads", config.heads),
            ("width", config.width),
            ("geo_decoder_mlp_expand_ratio", config.geo_decoder_mlp_expand_ratio),
            ("geo_decoder_downsample_ratio", config.geo_decoder_downsample_ratio),
        ])?;
        section.check_depths(&[
            ("num_decoder_layers", config.num_decoder_layers),
            ("num_encoder_layers", config.num_encoder_layers.unwrap_or(0)),
            ("point_feats", config.point_feats),
        ])?;
        if !(0..=32).contains(&config.num_freqs) {
            return Err(section.invalid("num_freqs is not within 0 to 32"));
        }
        section.check_heads(config.width, config.heads)?;
        let ratio = config.geo_decoder_downsample_ratio;
        if config.width % ratio != 0 || config.heads % ratio != 0 {
            return Err(
                section.invalid(format!("geo_decoder_downsample_ratio {ratio} does not divide width and heads"))
            );
        }
        if !(config.scale_factor.is_finite() && config.scale_factor != 0.0) {
            return Err(section.invalid("scale_factor is zero or not a number"));
        }
        if config.num_encoder_layers.is_some()
            && !(config.downsample_ratio.is_finite() && config.downsample_ratio >= 1.0)
        {
            return Err(section.invalid("downsample_ratio is less than 1"));
        }
        Ok(config)
    }
}

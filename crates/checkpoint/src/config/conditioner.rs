use serde::{Deserialize, Serialize};

use super::section::{Section, yes};
use crate::Error;

/// The image encoder (section 6), `SingleImageEncoder` in the published files.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConditionerConfig {
    /// One picture, or several views of the same thing.
    pub encoder: ImageEncoder,
    /// Side in pixels at which pictures are encoded.
    pub image_size: i64,
    /// Whether the CLS token is part of the context.
    pub use_cls_token: bool,
    /// Rows of the view table (multi-view only).
    pub view_num: i64,
    /// The DINOv2 network.
    pub config: Dinov2Config,
}

/// Kinds of image encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageEncoder {
    /// One picture (section 6.2).
    DinoImageEncoder,
    /// Up to `view_num` named views (section 6.3).
    DinoImageEncoderMV,
}

/// The parameters of DINOv2 that are used here (section 6.2). Others are ignored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dinov2Config {
    /// Width of a token, H.
    pub hidden_size: i64,
    /// Encoder layers.
    pub num_hidden_layers: i64,
    /// Attention heads.
    pub num_attention_heads: i64,
    /// Side in pixels to which the table of positions belongs.
    pub image_size: i64,
    /// Side of a patch in pixels.
    pub patch_size: i64,
    /// Colour channels.
    #[serde(default = "default_num_channels")]
    pub num_channels: i64,
    /// Width of the feed-forward part as a multiple of H.
    #[serde(default = "default_mlp_ratio")]
    pub mlp_ratio: f64,
    /// Epsilon of all layer norms.
    #[serde(default = "default_layer_norm_eps")]
    pub layer_norm_eps: f64,
    /// Whether the q, k, v projections have a bias.
    #[serde(default = "yes")]
    pub qkv_bias: bool,
    /// SwiGLU in place of the plain feed-forward part (the giant variant).
    #[serde(default)]
    pub use_swiglu_ffn: bool,
    /// Activation of the plain feed-forward part. Only `gelu` (exact) is implemented.
    #[serde(default = "default_hidden_act")]
    pub hidden_act: String,
}

#[derive(Deserialize)]
struct Params {
    main_image_encoder: MainImageEncoder,
}

#[derive(Deserialize)]
struct MainImageEncoder {
    r#type: ImageEncoder,
    kwargs: Kwargs,
}

#[derive(Deserialize)]
struct Kwargs {
    config: Dinov2Config,
    image_size: i64,
    #[serde(default = "yes")]
    use_cls_token: bool,
    #[serde(default = "default_view_num")]
    view_num: i64,
}

fn default_num_channels() -> i64 {
    3
}

fn default_mlp_ratio() -> f64 {
    4.0
}

fn default_layer_norm_eps() -> f64 {
    1e-6
}

fn default_hidden_act() -> String {
    "gelu".to_owned()
}

fn default_view_num() -> i64 {
    4
}

impl ConditionerConfig {
    /// Context tokens of one view.
    pub fn tokens_per_view(&self) -> i64 {
        let side = self.image_size / self.config.patch_size;
        side * side + i64::from(self.use_cls_token)
    }

    pub(super) fn from_section(section: Section) -> Result<Self, Error> {
        if section.class()? != "SingleImageEncoder" {
            return Err(section.unknown_class());
        }
        let Params { main_image_encoder: MainImageEncoder { r#type: encoder, kwargs } } = section.params()?;
        let Kwargs { config, image_size, use_cls_token, view_num } = kwargs;
        config.check(&section)?;
        section.check_sizes(&[("image_size", image_size), ("view_num", view_num)])?;
        if image_size < config.patch_size {
            return Err(section.invalid("image_size is smaller than one patch"));
        }
        Ok(Self { encoder, image_size, use_cls_token, view_num, config })
    }
}

impl Dinov2Config {
    /// Rows of the position table beside the CLS token's, P0.
    pub fn positions(&self) -> i64 {
        let side = self.image_size / self.patch_size;
        side * side
    }

    /// Inner width of the feed-forward part: 4H, or F of SwiGLU.
    pub fn mlp_hidden(&self) -> i64 {
        let hidden = (self.hidden_size as f64 * self.mlp_ratio) as i64;
        if self.use_swiglu_ffn { ((hidden as f64 * 2.0 / 3.0) as i64 + 7) / 8 * 8 } else { hidden }
    }

    fn check(&self, section: &Section) -> Result<(), Error> {
        section.check_sizes(&[
            ("config.hidden_size", self.hidden_size),
            ("config.image_size", self.image_size),
            ("config.patch_size", self.patch_size),
            ("config.hidden_size * mlp_ratio", self.mlp_hidden()),
        ])?;
        section.check_depths(&[("config.num_hidden_layers", self.num_hidden_layers)])?;
        section.check_heads(self.hidden_size, self.num_attention_heads)?;
        if self.image_size < self.patch_size {
            return Err(section.invalid("config.image_size is smaller than one patch"));
        }
        if self.num_channels != 3 {
            return Err(section.unsupported("config.num_channels other than 3"));
        }
        if !self.use_swiglu_ffn && self.hidden_act != "gelu" {
            return Err(section.unsupported("config.hidden_act other than gelu"));
        }
        Ok(())
    }
}

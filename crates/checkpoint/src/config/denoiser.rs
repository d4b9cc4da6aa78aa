use serde::{Deserialize, Serialize};

use super::section::{Section, yes};
use crate::Error;

/// The network that turns noise into latents, given the picture's tokens.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum DenoiserConfig {
    /// Double and single stream blocks: 2.0, 2mini, 2mv (section 7).
    Hunyuan3DDiT(Hunyuan3DDiTConfig),
    /// Cross attention and mixture of experts: 2.1 (section 8).
    HunYuanDiTPlain(HunYuanDiTPlainConfig),
}

/// Parameters of the 2.0 denoiser (section 7). Extra ones are ignored, as the network takes any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hunyuan3DDiTConfig {
    /// Channels of a latent token, C.
    pub in_channels: i64,
    /// Width of a context token, X.
    pub context_in_dim: i64,
    /// Width of the network, D.
    pub hidden_size: i64,
    /// Width of the feed-forward parts as a multiple of D.
    #[serde(default = "default_mlp_ratio")]
    pub mlp_ratio: f64,
    /// Attention heads, H.
    pub num_heads: i64,
    /// Double stream blocks.
    pub depth: i64,
    /// Single stream blocks.
    pub depth_single_blocks: i64,
    /// Whether the q, k, v projections of the double blocks have a bias.
    #[serde(default = "yes")]
    pub qkv_bias: bool,
    /// Period of the time embedding. Despite the name it is not a factor; the factor is always 1000.
    #[serde(default = "default_time_factor")]
    pub time_factor: f64,
    /// Guidance is an input of the network: no second, unconditional pass.
    #[serde(default)]
    pub guidance_embed: bool,
}

/// Parameters of the 2.1 denoiser (section 8). Extra ones are ignored, as the network takes any.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HunYuanDiTPlainConfig {
    /// Latent tokens it was trained with.
    pub input_size: i64,
    /// Channels of a latent token, C.
    pub in_channels: i64,
    /// Width of the network, D.
    pub hidden_size: i64,
    /// Width of a context token, X.
    pub context_dim: i64,
    /// Blocks, n.
    pub depth: i64,
    /// Attention heads, H.
    pub num_heads: i64,
    /// Whether q and k are normalised per head. Only `true` is implemented.
    #[serde(default = "yes")]
    pub qk_norm: bool,
    /// Kind of that norm. Only `rms` is implemented.
    #[serde(default = "default_qk_norm_type")]
    pub qk_norm_type: String,
    /// Whether the q, k, v projections have a bias.
    #[serde(default)]
    pub qkv_bias: bool,
    /// Context tokens it was trained with.
    #[serde(default)]
    pub text_len: Option<i64>,
    /// Not implemented, must be false.
    #[serde(default)]
    pub with_decoupled_ca: bool,
    /// Not implemented, must be false.
    #[serde(default)]
    pub use_attention_pooling: bool,
    /// Not implemented, must be false.
    #[serde(default)]
    pub use_pos_emb: bool,
    /// Number of last blocks that have a mixture of experts in place of the feed-forward part.
    #[serde(default = "default_num_moe_layers")]
    pub num_moe_layers: i64,
    /// Experts to choose from.
    #[serde(default = "default_num_experts")]
    pub num_experts: i64,
    /// Experts chosen per token.
    #[serde(default = "default_moe_top_k")]
    pub moe_top_k: i64,
}

fn default_mlp_ratio() -> f64 {
    4.0
}

fn default_time_factor() -> f64 {
    1000.0
}

fn default_qk_norm_type() -> String {
    "rms".to_owned()
}

fn default_num_moe_layers() -> i64 {
    6
}

fn default_num_experts() -> i64 {
    8
}

fn default_moe_top_k() -> i64 {
    2
}

impl DenoiserConfig {
    pub(super) fn from_section(section: Section) -> Result<Self, Error> {
        match section.class()? {
            "Hunyuan3DDiT" => Hunyuan3DDiTConfig::from_section(&section).map(Self::Hunyuan3DDiT),
            "HunYuanDiTPlain" => HunYuanDiTPlainConfig::from_section(&section).map(Self::HunYuanDiTPlain),
            _ => Err(section.unknown_class()),
        }
    }

    /// The class name.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Hunyuan3DDiT(_) => "Hunyuan3DDiT",
            Self::HunYuanDiTPlain(_) => "HunYuanDiTPlain",
        }
    }
}

impl Hunyuan3DDiTConfig {
    /// Width of the feed-forward parts, M.
    pub fn mlp_hidden(&self) -> i64 {
        (self.hidden_size as f64 * self.mlp_ratio) as i64
    }

    fn from_section(section: &Section) -> Result<Self, Error> {
        let config: Self = section.params()?;
        section.check_sizes(&[
            ("in_channels", config.in_channels),
            ("context_in_dim", config.context_in_dim),
            ("hidden_size", config.hidden_size),
            ("hidden_size * mlp_ratio", config.mlp_hidden()),
        ])?;
        section.check_depths(&[("depth", config.depth), ("depth_single_blocks", config.depth_single_blocks)])?;
        section.check_heads(config.hidden_size, config.num_heads)?;
        if !(config.time_factor.is_finite() && config.time_factor > 0.0) {
            return Err(section.invalid("time_factor is not a positive number"));
        }
        Ok(config)
    }
}

impl HunYuanDiTPlainConfig {
    /// Whether block `i` has a mixture of experts: the last `num_moe_layers` have.
    pub fn is_moe(&self, i: i64) -> bool {
        self.depth - i <= self.num_moe_layers
    }

    /// Whether block `i` takes the output of an earlier one (the second half does).
    pub fn has_skip(&self, i: i64) -> bool {
        i > self.depth / 2
    }

    fn from_section(section: &Section) -> Result<Self, Error> {
        let config: Self = section.params()?;
        section.check_sizes(&[
            ("input_size", config.input_size),
            ("in_channels", config.in_channels),
            ("hidden_size", config.hidden_size),
            ("context_dim", config.context_dim),
        ])?;
        section.check_depths(&[("depth", config.depth), ("num_moe_layers", config.num_moe_layers)])?;
        section.check_heads(config.hidden_size, config.num_heads)?;
        if config.num_moe_layers > 0 {
            section.check_depths(&[("num_experts", config.num_experts)])?;
            if !(1..=config.num_experts).contains(&config.moe_top_k) {
                let (k, experts) = (config.moe_top_k, config.num_experts);
                return Err(section.invalid(format!("moe_top_k is {k}, not within 1 to {experts} experts")));
            }
        }
        let refused = [
            (config.with_decoupled_ca, "with_decoupled_ca"),
            (config.use_attention_pooling, "use_attention_pooling"),
            (config.use_pos_emb, "use_pos_emb"),
            (!config.qk_norm, "qk_norm false"),
            (config.qk_norm_type != "rms", "qk_norm_type other than rms"),
            (config.hidden_size % 2 != 0, "an odd hidden_size"),
        ];
        match refused.into_iter().find(|(asked, _)| *asked) {
            Some((_, what)) => Err(section.unsupported(what)),
            None => Ok(config),
        }
    }
}

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{DenoiserConfig, ImageEncoder, PartialConfig};
use crate::{Error, Mismatch, PRESETS, WeightFile, digest, find_weights};

/// The description of a model directory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The directory.
    pub directory: PathBuf,
    /// Its weights file.
    pub weights: PathBuf,
    /// Bytes of that file.
    pub bytes: u64,
    /// The kind of model.
    pub family: Family,
    /// The published model with the same configuration.
    pub published_as: Option<&'static str>,
    /// Parts and their numbers of parameters.
    pub components: Vec<Component>,
    /// Parameters in the file.
    pub parameters: u64,
    /// Tensors in the file.
    pub tensors: usize,
    /// Parameters in the file by element type.
    pub dtypes: BTreeMap<String, u64>,
    /// The difference between the file and the manifest of the configuration; `None` if they agree.
    pub mismatch: Option<Mismatch>,
    /// [`digest()`] of the directory, if asked for.
    pub digest: Option<String>,
    /// The configuration, with defaults filled in.
    pub config: PartialConfig,
}

/// Kinds of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Family {
    /// Double and single stream denoiser: 2.0 and 2mini.
    #[serde(rename = "Hunyuan3D 2.0")]
    V2,
    /// The same with several views: 2mv.
    #[serde(rename = "Hunyuan3D 2mv")]
    V2Mv,
    /// Mixture of experts: 2.1.
    #[serde(rename = "Hunyuan3D 2.1")]
    V21,
    /// A VAE alone.
    #[serde(rename = "ShapeVAE")]
    Vae,
    /// Another part alone.
    #[serde(rename = "part of a model")]
    Part,
}

/// A part of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    /// Its name in the configuration.
    pub name: &'static str,
    /// The class of the published library.
    pub class: &'static str,
    /// Parameters that its configuration asks for.
    pub parameters: u64,
    /// A summary of its sizes.
    pub sizes: String,
}

/// Describes a model directory: its kind, its sizes, and whether configuration and weights fit together. A mismatch is part
/// of the description, not an error.
///
/// # Errors
/// Configuration or weights are missing or unreadable.
pub fn inspect(dir: &Path, with_digest: bool) -> Result<Inspection, Error> {
    let config = PartialConfig::read(dir)?;
    let weights = find_weights(dir)?;
    let file = WeightFile::open(&weights)?;
    let mismatch = match config.manifest().check(&file) {
        Ok(()) => None,
        Err(Error::Mismatch { mismatch, .. }) => Some(*mismatch),
        Err(error) => return Err(error),
    };
    let mut dtypes = BTreeMap::new();
    for view in file.names().filter_map(|name| file.tensor(name)) {
        *dtypes.entry(format!("{:?}", view.dtype)).or_insert(0) += view.elements();
    }
    Ok(Inspection {
        directory: dir.to_owned(),
        bytes: file.file_size(),
        family: Family::of(&config),
        published_as: published_as(&config),
        components: components(&config),
        parameters: dtypes.values().sum(),
        tensors: file.names().len(),
        dtypes,
        mismatch,
        digest: with_digest.then(|| digest(dir)).transpose()?,
        config,
        weights,
    })
}

impl Family {
    fn of(config: &PartialConfig) -> Self {
        let is_mv =
            |conditioner: &crate::config::ConditionerConfig| conditioner.encoder == ImageEncoder::DinoImageEncoderMV;
        match &config.model {
            Some(DenoiserConfig::Hunyuan3DDiT(_)) if config.conditioner.as_ref().is_some_and(is_mv) => Self::V2Mv,
            Some(DenoiserConfig::Hunyuan3DDiT(_)) => Self::V2,
            Some(DenoiserConfig::HunYuanDiTPlain(_)) => Self::V21,
            None if config.stand_alone_vae => Self::Vae,
            None => Self::Part,
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::V2 => "Hunyuan3D 2.0",
            Self::V2Mv => "Hunyuan3D 2mv",
            Self::V21 => "Hunyuan3D 2.1",
            Self::Vae => "ShapeVAE",
            Self::Part => "part of a model",
        })
    }
}

fn published_as(config: &PartialConfig) -> Option<&'static str> {
    let same = |preset: &&crate::Preset| {
        let published = PartialConfig { pipeline: config.pipeline.clone(), ..preset.config() };
        published == *config
    };
    PRESETS.iter().find(same).map(|preset| preset.name)
}

fn components(config: &PartialConfig) -> Vec<Component> {
    let manifest = config.manifest();
    let mut components = Vec::new();
    if let Some(model) = &config.model {
        components.push(Component {
            name: "model",
            class: model.class(),
            parameters: manifest.parameters_of("model"),
            sizes: denoiser_sizes(model),
        });
    }
    if let Some(vae) = &config.vae {
        let own = if config.stand_alone_vae { manifest.parameters() } else { manifest.parameters_of("vae") };
        let encoder = vae.num_encoder_layers.map(|layers| format!(", encoder {layers} layers")).unwrap_or_default();
        components.push(Component {
            name: "vae",
            class: "ShapeVAE",
            parameters: own,
            sizes: format!(
                "{} x {} latents, width {}, {} layers, {} heads{encoder}",
                vae.num_latents, vae.embed_dim, vae.width, vae.num_decoder_layers, vae.heads
            ),
        });
    }
    if let Some(conditioner) = &config.conditioner {
        let dino = &conditioner.config;
        components.push(Component {
            name: "conditioner",
            class: match conditioner.encoder {
                ImageEncoder::DinoImageEncoder => "DinoImageEncoder",
                ImageEncoder::DinoImageEncoderMV => "DinoImageEncoderMV",
            },
            parameters: manifest.parameters_of("conditioner"),
            sizes: format!(
                "{} px, width {}, {} layers, {} heads",
                conditioner.image_size, dino.hidden_size, dino.num_hidden_layers, dino.num_attention_heads
            ),
        });
    }
    components
}

fn denoiser_sizes(model: &DenoiserConfig) -> String {
    match model {
        DenoiserConfig::Hunyuan3DDiT(c) => format!(
            "width {}, {} double and {} single blocks, {} heads{}",
            c.hidden_size,
            c.depth,
            c.depth_single_blocks,
            c.num_heads,
            if c.guidance_embed { ", guidance embedded" } else { "" }
        ),
        DenoiserConfig::HunYuanDiTPlain(c) => format!(
            "width {}, {} blocks ({} with {} experts, {} used), {} heads",
            c.hidden_size, c.depth, c.num_moe_layers, c.num_experts, c.moe_top_k, c.num_heads
        ),
    }
}

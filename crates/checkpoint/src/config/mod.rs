//! A pipeline's configuration: `config.yaml` of a published model folder, or the same content as `config.json`.
//!
//! Every part has a class path `target` and its `params`. Only the last component of a class path is compared, so
//! that the paths of both published libraries (`hy3dgen.…`, `hy3dshape.…`) mean the same. Fields carry the published names.

mod conditioner;
mod denoiser;
mod image_processor;
mod scheduler;
mod section;
mod vae;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use self::conditioner::{ConditionerConfig, Dinov2Config, ImageEncoder};
pub use self::denoiser::{DenoiserConfig, HunYuanDiTPlainConfig, Hunyuan3DDiTConfig};
pub use self::image_processor::{ImageProcessor, ImageProcessorConfig};
pub use self::scheduler::SchedulerConfig;
use self::section::Section;
pub use self::vae::VaeConfig;
use crate::Error;
use crate::directory::find_config;

/// All parts of a pipeline (section 3).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PipelineConfig {
    /// The denoiser.
    pub model: DenoiserConfig,
    /// The shape VAE.
    pub vae: VaeConfig,
    /// The image encoder.
    pub conditioner: ConditionerConfig,
    /// How a picture becomes a tensor.
    pub image_processor: ImageProcessorConfig,
    /// The noise schedule.
    pub scheduler: SchedulerConfig,
    /// The default parameters of requests.
    pub pipeline: PipelineDefaults,
}

/// Optional `pipeline.params`: the recommended values of a model.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PipelineDefaults {
    /// Denoising steps.
    pub num_inference_steps: Option<u32>,
    /// Strength of the picture's influence.
    pub guidance_scale: Option<f64>,
    /// Cells per axis of the decoded grid.
    pub octree_resolution: Option<u32>,
}

/// A configuration that may lack parts. A stand-alone VAE's file (top level `target` and `params`) has only `vae`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartialConfig {
    /// The denoiser.
    pub model: Option<DenoiserConfig>,
    /// The shape VAE.
    pub vae: Option<VaeConfig>,
    /// The image encoder.
    pub conditioner: Option<ConditionerConfig>,
    /// How a picture becomes a tensor.
    pub image_processor: Option<ImageProcessorConfig>,
    /// The noise schedule.
    pub scheduler: Option<SchedulerConfig>,
    /// The default parameters of requests.
    pub pipeline: PipelineDefaults,
    /// The file describes a VAE alone, whose tensors carry no prefix.
    pub stand_alone_vae: bool,
}

impl PipelineConfig {
    /// Reads `config.yaml` (else `config.json`) of a model directory.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`]; [`Error::Config`] if a part is missing or malformed; [`Error::Unsupported`]
    /// if it names a class or an option that is not implemented.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        PartialConfig::read(dir)?.try_into()
    }

    /// Reads a configuration from YAML (or JSON, which is YAML too).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str) -> Result<Self, Error> {
        PartialConfig::parse(text)?.try_into()
    }
}

impl PartialConfig {
    /// Reads `config.yaml` (else `config.json`) of a directory, whichever parts it has.
    ///
    /// # Errors
    /// As [`PipelineConfig::read`], but no part has to be there.
    pub fn read(dir: &Path) -> Result<Self, Error> {
        let path = find_config(dir)?;
        Self::parse(&read_text(&path)?)
    }

    /// Reads a configuration from YAML (or JSON, which is YAML too).
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let root = Section::root(text)?;
        let stand_alone = root.get("target")?.is_some();
        let vae = if stand_alone { Some(root.clone()) } else { root.get("vae")? };
        let part = |name| if stand_alone { Ok(None) } else { root.get(name) };
        Ok(Self {
            model: part("model")?.map(DenoiserConfig::from_section).transpose()?,
            vae: vae.map(VaeConfig::from_section).transpose()?,
            conditioner: part("conditioner")?.map(ConditionerConfig::from_section).transpose()?,
            image_processor: part("image_processor")?.map(ImageProcessorConfig::from_section).transpose()?,
            scheduler: part("scheduler")?.map(SchedulerConfig::from_section).transpose()?,
            pipeline: part("pipeline")?.map(PipelineDefaults::from_section).transpose()?.unwrap_or_default(),
            stand_alone_vae: stand_alone,
        })
    }
}

impl TryFrom<PartialConfig> for PipelineConfig {
    type Error = Error;

    fn try_from(config: PartialConfig) -> Result<Self, Error> {
        fn need<T>(part: Option<T>, name: &str) -> Result<T, Error> {
            part.ok_or_else(|| Error::config(name, "missing"))
        }
        let config = Self {
            model: need(config.model, "model")?,
            vae: need(config.vae, "vae")?,
            conditioner: need(config.conditioner, "conditioner")?,
            image_processor: need(config.image_processor, "image_processor")?,
            scheduler: need(config.scheduler, "scheduler")?,
            pipeline: config.pipeline,
        };
        config.check_widths()?;
        Ok(config)
    }
}

impl PipelineConfig {
    /// Checks that the widths of connected networks agree.
    fn check_widths(&self) -> Result<(), Error> {
        let (latent, context) = match &self.model {
            DenoiserConfig::Hunyuan3DDiT(model) => (model.in_channels, model.context_in_dim),
            DenoiserConfig::HunYuanDiTPlain(model) => (model.in_channels, model.context_dim),
        };
        if latent != self.vae.embed_dim {
            let reason = format!("in_channels {latent} is not the VAE's embed_dim {}", self.vae.embed_dim);
            return Err(Error::config("model.params", reason));
        }
        let hidden = self.conditioner.config.hidden_size;
        if context != hidden {
            let reason = format!("context width {context} is not the image encoder's hidden_size {hidden}");
            return Err(Error::config("model.params", reason));
        }
        Ok(())
    }
}

impl PipelineDefaults {
    fn from_section(section: Section) -> Result<Self, Error> {
        // The class is ignored: all pipeline classes have the same parameters.
        section.params()
    }
}

/// Larger than any configuration; a weights file given by mistake is refused.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

fn read_text(path: &Path) -> Result<String, Error> {
    use std::io::Read;

    let file = std::fs::File::open(path).map_err(Error::io(path))?;
    let mut text = String::new();
    let read = file.take(MAX_CONFIG_BYTES + 1).read_to_string(&mut text).map_err(Error::io(path))?;
    if read as u64 > MAX_CONFIG_BYTES {
        return Err(Error::config(path.display().to_string(), "larger than 1 MiB"));
    }
    Ok(text)
}

//! A whole model: everything from a picture to a field.

use std::path::Path;
use std::sync::Arc;

use checkpoint::config::SchedulerConfig;
use checkpoint::{PipelineConfig, WeightFile, find_weights};
use tch::Tensor;
use tracing::info_span;

use crate::device::{Device, Dtype};
use crate::dit::{self, Denoiser};
use crate::error::Error;
use crate::image::{ImageProcessor, Picture, Processed};
use crate::image_encoder::ImageEncoder;
use crate::model::{Conditioning, ImageTo3d, ModelInfo, SampleRequest};
use crate::noise::standard_normal;
use crate::probe::Probe;
use crate::sampling::{self, Sample};
use crate::scheduler::{Scheduler, scheduler};
use crate::vae::ShapeVae;
use crate::volume::{self, DecodeOptions, Field};
use crate::weights::Weights;

/// Guidance scale of models that name none.
const DEFAULT_GUIDANCE_SCALE: f64 = 5.0;
/// Cells per axis of models that name none.
const DEFAULT_OCTREE_RESOLUTION: u32 = 256;

/// Where and how a model is to compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// The computing device.
    pub device: Device,
    /// The type of number.
    pub dtype: Dtype,
}

/// A loaded model directory.
///
/// ```no_run,standalone_crate
/// use hunyuan3d::{DecodeOptions, ImageTo3d, LoadOptions, Picture, Pipeline, SampleRequest, VertexMapping};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let model = Pipeline::load("models/orfeas-tiny".as_ref(), &LoadOptions::default())?;
/// let picture = model.preprocess(&Picture::decode(&std::fs::read("chair.png")?)?)?;
/// for conditioning in model.encode(&[picture])? {
///     let request = SampleRequest { steps: 30, guidance_scale: 5.0, seed: 1 };
///     let mut sample = model.start(conditioning, &request)?;
///     while !sample.is_done() {
///         model.step(&mut [&mut sample])?;
///     }
///     for field in model.decode(&[&sample], &DecodeOptions::default())? {
///         let mesh = field.to_mesh(0.0, VertexMapping::Corrected);
///     }
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Pipeline {
    info: ModelInfo,
    image_processor: ImageProcessor,
    conditioner: ImageEncoder,
    model: Box<dyn Denoiser>,
    scheduler: Box<dyn Scheduler>,
    vae: ShapeVae,
    /// Of one sample's latents: [1, N, C].
    latent_shape: [i64; 3],
    device: tch::Device,
    kind: tch::Kind,
}

impl Pipeline {
    /// Loads the model directory `dir`: its configuration, and its weights straight to the device.
    ///
    /// # Errors
    /// [`Error::NoDevice`]; [`Error::Checkpoint`] if the files are missing, broken, of an unsupported kind, or do not
    /// have exactly the tensors that the configuration asks for; [`Error::Unsupported`] if image processor and encoder
    /// do not fit together.
    pub fn load(dir: &Path, options: &LoadOptions) -> Result<Pipeline, Error> {
        let _span = info_span!("load", model = %dir.display()).entered();
        let device = options.device.open()?;
        let dtype = options.dtype.resolve(device);
        let config = PipelineConfig::read(dir)?;
        let file = Arc::new(WeightFile::open(find_weights(dir)?)?);
        config.manifest().check(&file)?;
        // The digest reads the whole file, and so does what follows: side by side, once from the disk.
        std::thread::scope(|scope| {
            let digest = scope.spawn(|| checkpoint::digest(dir));
            let w = Weights::new(file, device, dtype.kind(device));
            let mut pipeline = tch::no_grad(|| Pipeline::build(&config, &w))?;
            let digest = digest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            let name = dir.canonicalize().ok().and_then(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()));
            pipeline.info.name = name.unwrap_or_default();
            pipeline.info.digest = digest;
            pipeline.info.dtype = dtype;
            Ok(pipeline)
        })
    }

    /// From a configuration and the root of its weights. Name and digest stay empty.
    ///
    /// # Errors
    /// As [`Pipeline::load`], without a look for tensors that nobody asks for.
    fn build(config: &PipelineConfig, w: &Weights) -> Result<Pipeline, Error> {
        let image_processor = ImageProcessor::new(&config.image_processor);
        let conditioner = ImageEncoder::new(&config.conditioner, &(w / "conditioner"))?;
        if image_processor.multi_view() != conditioner.multi_view() {
            return Err(Error::Unsupported("image processor and image encoder differ in taking views".to_owned()));
        }
        let model = dit::denoiser(&config.model, &(w / "model"))?;
        let defaults = &config.pipeline;
        let distilled = matches!(config.scheduler, SchedulerConfig::ConsistencyFlowMatchEuler { .. });
        Ok(Pipeline {
            info: ModelInfo {
                name: String::new(),
                denoiser: config.model.class(),
                device: match w.device() {
                    tch::Device::Cuda(index) => format!("cuda:{index}"),
                    _ => "cpu".to_owned(),
                },
                dtype: Dtype::Auto,
                num_latents: config.vae.num_latents,
                guidance_embed: model.guidance_embed(),
                multi_view: conditioner.multi_view(),
                default_steps: defaults.num_inference_steps.unwrap_or(if distilled { 5 } else { 50 }),
                default_guidance_scale: defaults.guidance_scale.unwrap_or(DEFAULT_GUIDANCE_SCALE),
                default_octree_resolution: defaults.octree_resolution.unwrap_or(DEFAULT_OCTREE_RESOLUTION),
                digest: String::new(),
            },
            image_processor,
            conditioner,
            model,
            scheduler: scheduler(&config.scheduler),
            vae: ShapeVae::new(&(w / "vae"), &config.vae)?,
            latent_shape: [1, config.vae.num_latents, config.vae.embed_dim],
            device: w.device(),
            kind: w.kind(),
        })
    }

    /// The image processor; it can be cloned and used on other threads.
    pub fn image_processor(&self) -> &ImageProcessor {
        &self.image_processor
    }

    /// The image encoder.
    pub fn conditioner(&self) -> &ImageEncoder {
        &self.conditioner
    }

    /// The denoiser.
    pub fn denoiser(&self) -> &dyn Denoiser {
        &*self.model
    }

    /// The noise schedule.
    pub fn scheduler(&self) -> &dyn Scheduler {
        &*self.scheduler
    }

    /// The shape VAE.
    pub fn vae(&self) -> &ShapeVae {
        &self.vae
    }

    /// As [`ImageTo3d::start`], from initial latents [1, N, C] instead of a seed.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `steps` is 0, the guidance scale is not a number, or the latents have another shape.
    pub fn start_from(
        &self,
        conditioning: Conditioning,
        latents: &Tensor,
        steps: u32,
        guidance_scale: f64,
    ) -> Result<Sample, Error> {
        if steps == 0 {
            return Err(Error::Invalid("steps must be at least 1".to_owned()));
        }
        if !guidance_scale.is_finite() {
            return Err(Error::Invalid("guidance_scale must be a number".to_owned()));
        }
        if latents.size() != self.latent_shape {
            return Err(Error::Invalid(format!("latents are {:?}, not {:?}", latents.size(), self.latent_shape)));
        }
        let latents = latents.f_to_device(self.device)?.f_to_kind(self.kind)?;
        Ok(Sample::new(conditioning, latents, self.scheduler.schedule(steps), guidance_scale))
    }
}

impl ImageTo3d for Pipeline {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    fn preprocess(&self, picture: &Picture) -> Result<Processed, Error> {
        let _span = info_span!("preprocess").entered();
        self.image_processor.process(picture)
    }

    fn encode(&self, pictures: &[Processed]) -> Result<Vec<Conditioning>, Error> {
        let _span = info_span!("encode", batch.size = pictures.len()).entered();
        if pictures.is_empty() {
            return Ok(Vec::new());
        }
        tch::no_grad(|| {
            // The views of all pictures make one batch: [V_1 + V_2 + .., 3, s, s].
            let images: Vec<Tensor> = pictures.iter().map(|picture| picture.views_as_batch()).collect();
            let slots: Vec<i64> = pictures.iter().flat_map(|picture| picture.slots()).collect();
            let tokens = self.conditioner.forward(&Tensor::f_cat(&images, 0)?, &slots, Probe::NONE)?; // [.., T, H]
            let views: Vec<i64> = images.iter().map(|image| image.size()[0]).collect();
            let of_pictures = tokens.f_split_with_sizes(&views, 0)?; // [V, T, H] each
            Ok(of_pictures.iter().map(|tokens| Conditioning::new(tokens.flatten(0, 1).unsqueeze(0))).collect())
        })
    }

    fn start(&self, conditioning: Conditioning, request: &SampleRequest) -> Result<Sample, Error> {
        let noise = standard_normal(request.seed, &self.latent_shape);
        self.start_from(conditioning, &noise, request.steps, request.guidance_scale)
    }

    fn step(&self, rows: &mut [&mut Sample]) -> Result<(), Error> {
        let _span = info_span!("step", batch.size = rows.len()).entered();
        tch::no_grad(|| sampling::step(&*self.model, rows, Probe::NONE));
        Ok(())
    }

    fn decode(&self, rows: &[&Sample], options: &DecodeOptions) -> Result<Vec<Field>, Error> {
        let _span = info_span!("decode", batch.size = rows.len()).entered();
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        tch::no_grad(|| {
            let latents = Tensor::f_cat(&rows.iter().map(|row| row.latents()).collect::<Vec<_>>(), 0)?; // [B, N, C]
            let tokens = self.vae.decode(&(latents / self.vae.scale_factor()), Probe::NONE);
            let shapes = self.vae.geo_decoder().latent_key_values(&tokens, Probe::NONE);
            volume::decode(self.vae.geo_decoder(), &shapes, options)
        })
    }
}

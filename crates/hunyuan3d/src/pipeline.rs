//! A whole model: everything from images to a field.

use std::path::Path;
use std::sync::Arc;

use checkpoint::config::SchedulerConfig;
use checkpoint::{PipelineConfig, WeightFile, find_weights};
use domain::{ModelInfo, StageInfo, View};
use image::RgbaImage;
use model::{Dtype, Field, LoadOptions, SampleRequest};
use tch::Tensor;
use tracing::info_span;

use crate::conditioning::Conditioning;
use crate::device;
use crate::dit::{self, Denoiser};
use crate::error::Error;
use crate::image::{ImageProcessor, Processed};
use crate::image_encoder::ImageEncoder;
use crate::licence;
use crate::noise::standard_normal;
use crate::parallel;
use crate::probe::Probe;
use crate::sampling::{self, Sample};
use crate::scheduler::{Scheduler, scheduler};
use crate::vae::ShapeVae;
use crate::volume::{self, DecodeOptions, Decoder};
use crate::weights::Weights;

/// Guidance scale of models whose configuration has none.
const DEFAULT_GUIDANCE_SCALE: f64 = 5.0;
/// Cells per axis of models whose configuration has none.
const DEFAULT_OCTREE_RESOLUTION: u32 = 256;

/// The stages up to the field, with their shares of the time at the default parameters.
const STAGES: [(&str, f64); 4] = [("preprocess", 2.0), ("encode", 3.0), ("denoise", 55.0), ("decode", 30.0)];

/// A loaded model directory.
///
/// ```no_run,standalone_crate
/// use hunyuan3d::{DecodeOptions, LoadOptions, Pipeline, SampleRequest, VertexMapping, View, decode_image};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let model = Pipeline::load("models/orfeas-tiny".as_ref(), &LoadOptions::default())?;
/// let picture = model.preprocess(&[(View::Front, decode_image(&std::fs::read("chair.png")?)?)])?;
/// for conditioning in model.encode(&[&picture])? {
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
    denoiser_class: &'static str,
    device_name: String,
    dtype: Dtype,
    /// Threads of libtorch on the CPU.
    pub(crate) threads: i32,
    /// How fields are decoded in [`crate::FAMILY`]; the resolution is the request's.
    pub(crate) decode_options: DecodeOptions,
    pub(crate) config: PipelineConfig,
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
        let decode_options = DecodeOptions {
            decoder: options.decoder.as_deref().map_or(Ok(Decoder::default()), str::parse)?,
            chunk: options.chunk,
            ..DecodeOptions::default()
        };
        if let Some(threads) = options.threads {
            tch::set_num_threads(i32::try_from(threads).unwrap_or(i32::MAX));
        }
        let device = device::open(options.device)?;
        let dtype = device::resolve(options.dtype, device);
        let config = PipelineConfig::read(dir)?;
        let file = Arc::new(WeightFile::open(find_weights(dir)?)?);
        config.manifest().check(&file)?;
        // The digest and the upload both read the whole file; in parallel, it comes from the disk once.
        std::thread::scope(|scope| {
            let digest = scope.spawn(|| checkpoint::digest(dir));
            let w = Weights::new(file, device, device::kind(dtype, device));
            let mut pipeline = tch::no_grad(|| Pipeline::build(config, &w))?;
            let digest = digest.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
            let name = dir.canonicalize().ok().and_then(|dir| Some(dir.file_name()?.to_string_lossy().into_owned()));
            pipeline.info.name = name.unwrap_or_default();
            pipeline.info.digest = digest;
            pipeline.info.licence = licence::of_model(dir);
            pipeline.dtype = dtype;
            pipeline.decode_options = decode_options;
            Ok(pipeline)
        })
    }

    /// From a configuration and the root of its weights. `load` fills in what depends on the directory.
    fn build(config: PipelineConfig, w: &Weights) -> Result<Pipeline, Error> {
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
                family: crate::FAMILY.name.to_owned(),
                multi_view: conditioner.multi_view(),
                steps: defaults.num_inference_steps.unwrap_or(if distilled { 5 } else { 50 }),
                guidance_scale: defaults.guidance_scale.unwrap_or(DEFAULT_GUIDANCE_SCALE),
                octree_resolution: defaults.octree_resolution.unwrap_or(DEFAULT_OCTREE_RESOLUTION),
                max_octree_resolution: DecodeOptions::MAX_RESOLUTION,
                stages: STAGES.map(|(name, weight)| StageInfo::new(name, weight)).into(),
                ..ModelInfo::default()
            },
            denoiser_class: config.model.class(),
            device_name: match w.device() {
                tch::Device::Cuda(index) => format!("cuda:{index}"),
                _ => "cpu".to_owned(),
            },
            dtype: Dtype::Auto,
            threads: tch::get_num_threads(),
            decode_options: DecodeOptions::default(),
            image_processor,
            conditioner,
            model,
            scheduler: scheduler(&config.scheduler),
            vae: ShapeVae::new(&(w / "vae"), &config.vae)?,
            latent_shape: [1, config.vae.num_latents, config.vae.embed_dim],
            device: w.device(),
            kind: w.kind(),
            config,
        })
    }

    /// The description of the model.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The device of the model: `cpu` or `cuda:N`.
    pub fn device(&self) -> &str {
        &self.device_name
    }

    /// The number type of the computation.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Class of the denoiser: `Hunyuan3DDiT` (2.0, 2mini, 2mv) or `HunYuanDiTPlain` (2.1).
    pub fn denoiser_class(&self) -> &'static str {
        self.denoiser_class
    }

    /// Shape of the latents of one sample, [1, N, C].
    pub fn latent_shape(&self) -> [i64; 3] {
        self.latent_shape
    }

    /// The image processor. It can be cloned and used on other threads.
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

    /// Preprocesses the images of a sample (section 5), on the CPU.
    ///
    /// # Errors
    /// As [`ImageProcessor::process`].
    pub fn preprocess(&self, images: &[(View, RgbaImage)]) -> Result<Processed, Error> {
        let _span = info_span!("preprocess").entered();
        self.image_processor.process(images)
    }

    /// Encodes images (section 6): in one batch on a GPU, one by one on the CPU.
    ///
    /// # Errors
    /// [`Error::Torch`].
    pub fn encode(&self, pictures: &[&Processed]) -> Result<Vec<Conditioning>, Error> {
        let _span = info_span!("encode", batch.size = pictures.len()).entered();
        // A matrix product of another size may round differently, and gains nothing on the CPU.
        let at_once = if self.device.is_cuda() { pictures.len().max(1) } else { 1 };
        let encoded = pictures.chunks(at_once).map(|pictures| self.encode_batch(pictures));
        Ok(encoded.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Encodes images in one batch.
    fn encode_batch(&self, pictures: &[&Processed]) -> Result<Vec<Conditioning>, Error> {
        self.no_grad(|| {
            // The views of all pictures make one batch: [V_1 + V_2 + .., 3, s, s].
            let images: Vec<Tensor> = pictures.iter().map(|picture| picture.views_as_batch()).collect();
            let slots: Vec<i64> = pictures.iter().flat_map(|picture| picture.slots()).collect();
            let tokens = self.conditioner.forward(&Tensor::f_cat(&images, 0)?, &slots, Probe::NONE)?; // [.., T, H]
            let views: Vec<i64> = images.iter().map(|image| image.size()[0]).collect();
            let of_pictures = tokens.f_split_with_sizes(&views, 0)?; // [V, T, H] each
            Ok(of_pictures.iter().map(|tokens| Conditioning::new(tokens.flatten(0, 1).unsqueeze(0))).collect())
        })
    }

    /// The start of a sample: noise from the seed, the same on every device.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the request has no steps or a guidance scale that is not a number.
    pub fn start(&self, conditioning: Conditioning, request: &SampleRequest) -> Result<Sample, Error> {
        let noise = standard_normal(request.seed, &self.latent_shape);
        self.start_from(conditioning, &noise, request.steps, request.guidance_scale)
    }

    /// The start of a sample from initial latents [1, N, C].
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
        sampling::check(steps, guidance_scale)?;
        if latents.size() != self.latent_shape {
            return Err(Error::Invalid(format!("latents are {:?}, not {:?}", latents.size(), self.latent_shape)));
        }
        let latents = latents.f_to_device(self.device)?.f_to_kind(self.kind)?;
        Ok(Sample::new(conditioning, latents, self.scheduler.schedule(steps), guidance_scale))
    }

    /// One denoising step for each row that is not done (section 11). Rows may be at different steps, of different
    /// schedules, with different guidance scales.
    ///
    /// # Errors
    /// [`Error::Torch`]; no row has changed then.
    pub fn step(&self, rows: &mut [&mut Sample]) -> Result<(), Error> {
        let _span = info_span!("step", batch.size = rows.len()).entered();
        tch::no_grad(|| sampling::step(&*self.model, rows, Probe::NONE));
        Ok(())
    }

    /// The fields of finished samples (section 12), in order.
    ///
    /// # Errors
    /// [`Error::Invalid`] for options out of range; [`Error::Torch`].
    pub fn decode(&self, rows: &[&Sample], options: &DecodeOptions) -> Result<Vec<Field>, Error> {
        self.decode_while(rows, options, &|| true)
    }

    /// As [`Pipeline::decode`]; `proceed` is called before each piece of work, on any thread.
    ///
    /// # Errors
    /// As [`Pipeline::decode`]; [`Error::Abandoned`] when `proceed` returned `false`.
    pub fn decode_while(
        &self,
        rows: &[&Sample],
        options: &DecodeOptions,
        proceed: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Field>, Error> {
        let _span = info_span!("decode", batch.size = rows.len()).entered();
        // Each row alone, as in `encode`.
        let decode = |row: &&Sample| {
            let shape = self.no_grad(|| {
                let tokens = self.vae.decode(&(row.latents() / self.vae.scale_factor()), Probe::NONE);
                self.vae.geo_decoder().latent_key_values(&tokens, Probe::NONE)
            });
            tch::no_grad(|| volume::decode_while(self.vae.geo_decoder(), &shape, options, proceed))
        };
        let fields = rows.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        Ok(fields.into_iter().flatten().collect())
    }

    /// Runs passes without gradients, those of small networks on the CPU on one thread.
    fn no_grad<T>(&self, passes: impl FnOnce() -> T) -> T {
        parallel::on_one_thread(parallel::is_small(self.device, self.model.width()), || tch::no_grad(passes))
    }
}

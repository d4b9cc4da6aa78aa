//! The model as a server uses it: [`model::Model`] for a [`Pipeline`].

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use checkpoint::PipelineConfig;
use domain::{ModelInfo, View};
use image::RgbaImage;
use model::{Cost, Family, Field, LoadError, LoadOptions, Model, Prepared, Preprocess, Row, SampleRequest};
use tch::Tensor;

use crate::cost;
use crate::error::Error;
use crate::image::{ImageProcessor, Processed};
use crate::noise::standard_normal;
use crate::pipeline::Pipeline;
use crate::sampling::{self, Sample};
use crate::volume::DecodeOptions;

/// Model directories in the layout of the published checkpoints.
pub const FAMILY: Family = Family { name: "hunyuan3d", recognises, load };

fn recognises(dir: &Path) -> bool {
    PipelineConfig::read(dir).is_ok()
}

fn load(dir: &Path, options: &LoadOptions) -> Result<Box<dyn Model>, LoadError> {
    Ok(Box::new(Pipeline::load(dir, options)?))
}

/// A preprocessed job.
struct Input {
    processed: Processed,
    /// Initial latents [1, N, C], float32, on the CPU.
    noise: Tensor,
    steps: u32,
    guidance_scale: f64,
}

struct Preprocessor {
    image_processor: ImageProcessor,
    latent_shape: [i64; 3],
    config: PipelineConfig,
}

impl Preprocess for Preprocessor {
    fn preprocess(&self, images: &[(View, RgbaImage)], request: &SampleRequest) -> Result<Prepared, model::Error> {
        let &SampleRequest { steps, guidance_scale, seed } = request;
        sampling::check(steps, guidance_scale)?;
        let processed = self.image_processor.process(images)?;
        Ok(Prepared::new(Input { processed, noise: standard_normal(seed, &self.latent_shape), steps, guidance_scale }))
    }

    fn cost(&self, views: usize, octree_resolution: u32) -> Cost {
        cost::estimate(&self.config, views, octree_resolution)
    }
}

impl Row for Sample {
    fn step(&self) -> u32 {
        Sample::step(self)
    }

    fn steps(&self) -> u32 {
        Sample::steps(self)
    }
}

impl Model for Pipeline {
    fn info(&self) -> &ModelInfo {
        Pipeline::info(self)
    }

    fn device(&self) -> &str {
        Pipeline::device(self)
    }

    fn dtype(&self) -> &str {
        Pipeline::dtype(self).as_str()
    }

    fn preprocessor(&self) -> Arc<dyn Preprocess> {
        Arc::new(Preprocessor {
            image_processor: self.image_processor().clone(),
            latent_shape: self.latent_shape(),
            config: self.config.clone(),
        })
    }

    fn encode(&self, inputs: &[&Prepared]) -> Result<Vec<Box<dyn Row>>, model::Error> {
        let inputs = inputs.iter().map(|input| input.downcast_ref::<Input>()).collect::<Result<Vec<_>, _>>()?;
        self.call(|| {
            let pictures: Vec<&Processed> = inputs.iter().map(|input| &input.processed).collect();
            let conditionings = self.encode(&pictures)?;
            let started = conditionings.into_iter().zip(&inputs).map(|(conditioning, input)| {
                let sample = self.start_from(conditioning, &input.noise, input.steps, input.guidance_scale)?;
                Ok(Box::new(sample) as Box<dyn Row>)
            });
            started.collect()
        })
    }

    fn step(&self, rows: &mut [&mut dyn Row]) -> Result<(), model::Error> {
        let rows = rows.iter_mut().map(|row| row.downcast_mut::<Sample>());
        let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
        self.call(|| self.step(&mut rows))
    }

    fn decode(
        &self,
        row: &dyn Row,
        octree_resolution: u32,
        proceed: &(dyn Fn() -> bool + Sync),
    ) -> Result<Field, model::Error> {
        let row = row.downcast_ref::<Sample>()?;
        let options = DecodeOptions { octree_resolution, ..self.decode_options.clone() };
        let fields = self.call(|| self.decode_while(&[row], &options, proceed))?;
        fields.into_iter().next().ok_or_else(|| model::Error::Failed("no field was decoded".to_owned()))
    }
}

impl Pipeline {
    /// Runs work on libtorch, with the model's number of threads. Each thread of the process has its own number, which is
    /// otherwise chosen when libtorch is first used there, perhaps while another model uses fewer threads.
    fn call<T>(&self, work: impl FnOnce() -> Result<T, Error>) -> Result<T, model::Error> {
        thread_local! {
            static THREADS: Cell<i32> = const { Cell::new(0) };
        }
        if THREADS.replace(self.threads) != self.threads {
            tch::set_num_threads(self.threads);
        }
        caught(work)
    }
}

/// Runs work on libtorch, which reports many errors by panics.
fn caught<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, model::Error> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => Ok(result?),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            Err(classify(text.unwrap_or("a panic without a message").to_owned()))
        }
    }
}

/// libtorch has no error codes; its errors are recognised by parts of their messages, which are stable across its releases.
fn classify(message: String) -> model::Error {
    let has = |part: &str| message.contains(part);
    if has("out of memory") || has("can't allocate memory") || has("CUBLAS_STATUS_ALLOC_FAILED") {
        model::Error::OutOfMemory(message)
    } else if has("CUDA error") || has("CUBLAS_STATUS") || has("cuDNN error") || has("device-side assert") {
        model::Error::DeviceFault(message)
    } else {
        model::Error::Failed(message)
    }
}

impl From<Error> for model::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Image(detail) => Self::Image(detail),
            Error::Invalid(detail) | Error::Unsupported(detail) => Self::Invalid(detail),
            Error::Abandoned => Self::Abandoned,
            Error::Torch(error) => classify(error.to_string()),
            Error::Checkpoint(_) | Error::Weights { .. } | Error::NoDevice { .. } => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_libtorch_are_classified_by_their_text() {
        let kind = |message: &'static str| caught::<()>(|| panic!("{message}"));
        for memory in [
            "Torch(\"CUDA out of memory. Tried to allocate 2.00 GiB\")",
            "DefaultCPUAllocator: can't allocate memory",
            "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        ] {
            assert!(matches!(kind(memory), Err(model::Error::OutOfMemory(_))), "{memory}");
        }
        for fault in ["CUDA error: an illegal memory access was encountered", "device-side assert triggered"] {
            assert!(matches!(kind(fault), Err(model::Error::DeviceFault(_))), "{fault}");
        }
        assert!(matches!(kind("mat1 and mat2 shapes cannot be multiplied"), Err(model::Error::Failed(_))));
    }
}

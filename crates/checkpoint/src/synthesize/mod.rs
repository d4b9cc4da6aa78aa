//! Models of random numbers, at any size: for benchmarks and load tests without the published weights.

mod body;
mod random;

use std::io::Write;
use std::path::{Path, PathBuf};

use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};
use safetensors::Dtype;

use self::random::SplitMix;
use crate::config::PartialConfig;
use crate::writer::{Progress, beside, persist, write_safetensors};
use crate::{Error, Role, TensorSpec};

/// Element type of a synthetic model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyntheticDtype {
    /// Half precision; the file is `model.fp16.safetensors`.
    F16,
    /// bfloat16; the file is `model.safetensors`.
    BF16,
    /// Single precision; the file is `model.safetensors`.
    F32,
}

/// Makes a model directory: the configuration as it is, and weights drawn from `seed`. The same text, seed and type make
/// the same files on every machine.
///
/// Scales are chosen such that activations stay near one through all layers, and such that the decoder's field is a
/// closed, bumpy body that depends on the latents, as with a trained model, so that the later stages have a realistic load.
/// Memory stays at a few megabytes.
///
/// # Errors
/// The configuration is invalid, or the files cannot be written.
pub fn synthesize(
    config: &str,
    seed: u64,
    dtype: SyntheticDtype,
    dir: &Path,
    progress: Progress<'_>,
) -> Result<PathBuf, Error> {
    let parsed = PartialConfig::parse(config)?;
    let manifest = parsed.manifest();
    let specs: std::collections::HashMap<&str, &TensorSpec> =
        manifest.tensors().iter().map(|spec| (spec.name.as_str(), spec)).collect();
    let entries = manifest.entries(dtype.dtype());
    let path = dir.join(dtype.file_name());
    write_safetensors(&path, entries, progress, |entry, sink| {
        let spec = specs[entry.name.as_str()];
        let mut sink = Sink { dtype, sink, path: &path };
        match parsed.vae.as_ref().and_then(|vae| body::values(vae, seed, spec)) {
            Some(values) => sink.write(&values),
            None => draw(seed, spec, &mut sink),
        }
    })?;

    let config_path = dir.join("config.yaml");
    let mut file = beside(&config_path)?;
    file.write_all(config.as_bytes()).map_err(Error::io(&config_path))?;
    persist(file, &config_path)?;
    Ok(path)
}

/// Values drawn at once.
const CHUNK: usize = 1 << 16;

fn draw(seed: u64, spec: &TensorSpec, sink: &mut Sink<'_>) -> Result<(), Error> {
    let (mean, deviation) = scale(spec);
    let mut random = SplitMix::of(seed, &spec.name);
    let mut values = vec![0.0; CHUNK];
    let mut left = spec.elements();
    while left > 0 {
        let count = left.min(CHUNK as u64) as usize;
        random.fill(&mut values[..count], mean, deviation);
        sink.write(&values[..count])?;
        left -= count as u64;
    }
    Ok(())
}

/// Mean and standard deviation of a tensor's values.
fn scale(spec: &TensorSpec) -> (f32, f32) {
    match spec.role {
        Role::Weight => {
            let inputs: usize = spec.shape[1..].iter().product();
            (0.0, body::damping(&spec.name) / (inputs as f32).sqrt())
        }
        Role::Bias | Role::Embedding => (0.0, 0.02),
        Role::Gain => (1.0, 0.02),
    }
}

impl SyntheticDtype {
    fn dtype(self) -> Dtype {
        match self {
            Self::F16 => Dtype::F16,
            Self::BF16 => Dtype::BF16,
            Self::F32 => Dtype::F32,
        }
    }

    fn file_name(self) -> &'static str {
        match self {
            Self::F16 => "model.fp16.safetensors",
            Self::BF16 | Self::F32 => "model.safetensors",
        }
    }
}

struct Sink<'a> {
    dtype: SyntheticDtype,
    sink: &'a mut dyn Write,
    path: &'a Path,
}

impl Sink<'_> {
    fn write(&mut self, values: &[f32]) -> Result<(), Error> {
        let written = match self.dtype {
            SyntheticDtype::F32 => values.iter().try_for_each(|value| self.sink.write_all(&value.to_le_bytes())),
            SyntheticDtype::F16 => {
                let mut halves = vec![f16::ZERO; values.len()];
                halves.convert_from_f32_slice(values);
                self.sink.write_all(bytemuck::cast_slice(&halves))
            }
            SyntheticDtype::BF16 => {
                let mut halves = vec![bf16::ZERO; values.len()];
                halves.convert_from_f32_slice(values);
                self.sink.write_all(bytemuck::cast_slice(&halves))
            }
        };
        written.map_err(Error::io(self.path))
    }
}

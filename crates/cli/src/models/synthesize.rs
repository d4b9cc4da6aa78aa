use std::io::Read;
use std::path::PathBuf;

use anyhow::Context;
use checkpoint::{Preset, SyntheticDtype};

use super::{progress, text};
use crate::{Error, terminal};

/// The options of `orfeas models synthesize`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// A published model (see `orfeas models list`) whose sizes are used
    #[arg(value_name = "NAME", required_unless_present = "config", conflicts_with = "config")]
    pub name: Option<String>,
    /// A configuration file in place of a published model's
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Seed of the random numbers; the same seed makes the same files
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Element type
    #[arg(long, default_value = "f16")]
    pub dtype: Dtype,
    /// Model directory to write
    #[arg(short, long, value_name = "DIR")]
    pub output: PathBuf,
    /// Replace an existing model
    #[arg(long)]
    pub force: bool,
}

/// Element types.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum Dtype {
    /// Half precision
    F16,
    /// bfloat16
    Bf16,
    /// Single precision
    F32,
}

/// Longest configuration that is read.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

pub(super) fn run(options: &Options) -> Result<(), Error> {
    let config = config(options)?;
    for file in ["config.yaml", "model.safetensors", "model.fp16.safetensors"] {
        text::must_be_new(&options.output.join(file), options.force)?;
    }
    let dtype = match options.dtype {
        Dtype::F16 => SyntheticDtype::F16,
        Dtype::Bf16 => SyntheticDtype::BF16,
        Dtype::F32 => SyntheticDtype::F32,
    };
    let bar = progress::bar("synthesizing", Some(0));
    let made = checkpoint::synthesize(&config, options.seed, dtype, &options.output, &mut progress::follow(&bar));
    bar.finish_and_clear();
    made?;
    let found = checkpoint::inspect(&options.output, false)?;
    let (parameters, bytes) = (text::count(found.parameters), text::bytes(found.bytes));
    let (output, seed) = (options.output.display(), options.seed);
    terminal::print(&format!("{output}: {parameters} parameters, {bytes}, random weights of seed {seed}\n"))
}

fn config(options: &Options) -> Result<String, Error> {
    let Some(path) = &options.config else {
        let name = options.name.as_deref().unwrap_or_default();
        return Ok(name.parse::<&Preset>()?.config_yaml());
    };
    let mut config = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_CONFIG_BYTES).read_to_string(&mut config))
        .with_context(|| path.display().to_string())?;
    Ok(config)
}

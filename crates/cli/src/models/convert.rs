use std::path::PathBuf;

use super::{progress, text};
use crate::{Error, terminal};

/// The options of `orfeas models convert`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The .ckpt file
    pub input: PathBuf,
    /// The safetensors file to make
    pub output: PathBuf,
    /// Replace an existing output
    #[arg(long)]
    pub force: bool,
}

pub(super) fn run(options: &Options) -> Result<(), Error> {
    text::must_be_new(&options.output, options.force)?;
    let bar = progress::bar("converting", Some(0));
    let converted = checkpoint::convert(&options.input, &options.output, &mut progress::follow(&bar));
    bar.finish_and_clear();
    let converted = converted?;
    let (output, bytes) = (options.output.display(), text::bytes(converted.bytes));
    let skipped = converted.skipped.iter().map(|name| format!("left out, no tensor: {}\n", name.escape_debug()));
    terminal::print(&(format!("{output}: {} tensors, {bytes}\n", converted.tensors) + &skipped.collect::<String>()))
}

use std::path::PathBuf;

use super::{progress, text};
use crate::Error;

/// What `orfeas models convert` may be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The .ckpt file
    pub input: PathBuf,
    /// The safetensors file to make
    pub output: PathBuf,
    /// Replace the output if it is there
    #[arg(long)]
    pub force: bool,
}

pub(super) fn run(options: &Options) -> Result<(), Error> {
    text::must_be_new(&options.output, options.force)?;
    let bar = progress::bar("converting", Some(0));
    let converted = checkpoint::convert(&options.input, &options.output, &mut progress::follow(&bar));
    bar.finish_and_clear();
    let converted = converted?;
    println!("{}: {} tensors, {}", options.output.display(), converted.tensors, text::bytes(converted.bytes));
    for name in &converted.skipped {
        println!("left out, no tensor: {}", name.escape_debug());
    }
    Ok(())
}

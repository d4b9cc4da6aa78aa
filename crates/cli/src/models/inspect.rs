use std::path::PathBuf;

use anyhow::anyhow;
use checkpoint::{Inspection, Mismatch, Origin};

use super::text;
use crate::{Error, table};

/// What `orfeas models inspect` may be told.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The model directory: config.yaml, and model.fp16.safetensors or model.safetensors
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Leave out the digest, which takes reading the whole file
    #[arg(long)]
    pub no_digest: bool,
}

pub(super) fn run(options: &Options) -> Result<(), Error> {
    let found = checkpoint::inspect(&options.directory, !options.no_digest)?;
    match options.json {
        true => println!("{}", serde_json::to_string_pretty(&found).map_err(anyhow::Error::from)?),
        false => print(&found, Origin::read(&options.directory)?.as_ref()),
    }
    match &found.mismatch {
        Some(mismatch) => Err(Error::Other(misfit(mismatch))),
        None => Ok(()),
    }
}

/// One line about weights that are not those of their configuration.
pub(super) fn misfit(mismatch: &Mismatch) -> anyhow::Error {
    anyhow!("the weights are not those of the configuration: {mismatch}")
}

fn print(found: &Inspection, origin: Option<&Origin>) {
    let published = found.published_as.map(|name| format!(", configured as {name}")).unwrap_or_default();
    println!("model       {}{published}", found.family);
    let dtypes: Vec<&str> = found.dtypes.keys().map(String::as_str).collect();
    let (parameters, dtypes) = (text::count(found.parameters), dtypes.join(" and "));
    println!("weights     {}, {parameters} parameters, {dtypes}", text::bytes(found.bytes));
    let fit = match found.mismatch {
        Some(_) => "names and shapes are NOT those of the configuration".to_owned(),
        None => "names and shapes are those of the configuration".to_owned(),
    };
    println!("tensors     {}; {fit}", found.tensors);
    if let Some(digest) = &found.digest {
        println!("digest      {digest}");
    }
    if let Some(origin) = origin {
        let commit = origin.commit.as_deref().unwrap_or(&origin.revision);
        println!("origin      {}/{} at {commit}, from {}", origin.repo, origin.subfolder, origin.hub);
    }
    println!();
    let rows: Vec<Vec<String>> = found
        .components
        .iter()
        .map(|part| vec![part.name.into(), part.class.into(), text::count(part.parameters), part.sizes.clone()])
        .collect();
    table::print(&["PART", "CLASS", "PARAMETERS", "SIZES"], &rows);
}

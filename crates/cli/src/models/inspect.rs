use std::fmt::Write;
use std::path::PathBuf;

use anyhow::anyhow;
use checkpoint::{Inspection, Mismatch, Origin};

use super::text;
use crate::table::table;
use crate::{Error, terminal};

/// The options of `orfeas models inspect`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The model directory: config.yaml, and model.fp16.safetensors or model.safetensors
    #[arg(value_name = "DIR")]
    pub directory: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Leave out the digest, for which the whole file is read
    #[arg(long)]
    pub no_digest: bool,
}

pub(super) fn run(options: &Options) -> Result<(), Error> {
    let found = checkpoint::inspect(&options.directory, !options.no_digest)?;
    let text = match options.json {
        true => serde_json::to_string_pretty(&found).map_err(anyhow::Error::from)? + "\n",
        false => page(&found, Origin::read(&options.directory)?.as_ref()),
    };
    terminal::print(&text)?;
    match &found.mismatch {
        Some(mismatch) => Err(mismatch_error(mismatch)),
        None => Ok(()),
    }
}

/// The weights are not those of their configuration.
pub(super) fn mismatch_error(mismatch: &Mismatch) -> Error {
    Error::Other(anyhow!("the weights are not those of the configuration: {mismatch}"))
}

fn page(found: &Inspection, origin: Option<&Origin>) -> String {
    let mut page = String::new();
    let published = found.published_as.map(|name| format!(", configured as {name}")).unwrap_or_default();
    let _ = writeln!(page, "model       {}{published}", found.family);
    let dtypes: Vec<&str> = found.dtypes.keys().map(String::as_str).collect();
    let (parameters, dtypes) = (text::count(found.parameters), dtypes.join(" and "));
    let _ = writeln!(page, "weights     {}, {parameters} parameters, {dtypes}", text::bytes(found.bytes));
    let fit = match found.mismatch {
        Some(_) => "names and shapes are NOT those of the configuration".to_owned(),
        None => "names and shapes are those of the configuration".to_owned(),
    };
    let _ = writeln!(page, "tensors     {}; {fit}", found.tensors);
    if let Some(digest) = &found.digest {
        let _ = writeln!(page, "digest      {digest}");
    }
    if let Some(origin) = origin {
        let commit = origin.commit.as_deref().unwrap_or(&origin.revision);
        let _ = writeln!(page, "origin      {}/{} at {commit}, from {}", origin.repo, origin.subfolder, origin.hub);
    }
    page.push('\n');
    let rows: Vec<Vec<String>> = found
        .components
        .iter()
        .map(|part| vec![part.name.into(), part.class.into(), text::count(part.parameters), part.sizes.clone()])
        .collect();
    page + &table(&["PART", "CLASS", "PARAMETERS", "SIZES"], &rows)
}

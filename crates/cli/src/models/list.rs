use std::path::{Path, PathBuf};

use checkpoint::{Dtype, Inspection, PRESETS, Preset, Source, find_config, find_weights, inspect, safetensors_size};
use serde::Serialize;

use super::text;
use crate::table::table;
use crate::{Error, terminal};

/// The options of `orfeas models list`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Directory with the models of this machine
    #[arg(long, env = "ORFEAS_MODELS", value_name = "DIR", default_value = "models")]
    pub models: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// A published model in JSON.
#[derive(Serialize)]
struct Published {
    name: &'static str,
    repo: &'static str,
    subfolder: &'static str,
    parameters: u64,
    /// As a half-precision safetensors file.
    bytes: u64,
    confirmed: bool,
}

/// A model on this machine.
#[derive(Serialize)]
struct Local {
    directory: PathBuf,
    #[serde(flatten)]
    found: Found,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Found {
    Model { family: String, published_as: Option<&'static str>, parameters: u64, bytes: u64, sound: bool },
    Broken { error: String },
}

/// Levels of folders that are searched below the models directory, so that `owner/repo/subfolder` is found.
const DEPTH: u32 = 3;

pub(super) fn run(options: &Options) -> Result<(), Error> {
    let published: Vec<Published> = PRESETS.iter().map(Published::of).collect();
    let mut local = Vec::new();
    search(&options.models, DEPTH, &mut local);
    if options.json {
        let json = serde_json::json!({ "published": published, "local": local });
        return terminal::print(&(serde_json::to_string_pretty(&json).map_err(anyhow::Error::from)? + "\n"));
    }
    let rows: Vec<Vec<String>> = published.iter().map(Published::row).collect();
    let published = table(&["PUBLISHED", "PARAMETERS", "FP16", "FROM"], &rows);
    let rows: Vec<Vec<String>> = local.iter().map(Local::row).collect();
    let local = match rows.is_empty() {
        true => format!("No models in {}.\n", options.models.display()),
        false => table(&["ON THIS MACHINE", "PARAMETERS", "SIZE", "WHAT"], &rows),
    };
    terminal::print(&format!("{published}\n{local}"))
}

impl Published {
    fn of(preset: &Preset) -> Self {
        let manifest = preset.manifest();
        let parameters = manifest.parameters();
        let bytes = safetensors_size(manifest.entries(Dtype::F16)).unwrap_or(2 * parameters);
        Self {
            name: preset.name,
            repo: preset.repo,
            subfolder: preset.subfolder,
            parameters,
            bytes,
            confirmed: preset.source == Source::Confirmed,
        }
    }

    fn row(&self) -> Vec<String> {
        let doubt = if self.confirmed { "" } else { "  (sizes unconfirmed)" };
        vec![
            self.name.to_owned(),
            text::count(self.parameters),
            text::bytes(self.bytes),
            format!("{}/{}{doubt}", self.repo, self.subfolder),
        ]
    }
}

impl Local {
    fn row(&self) -> Vec<String> {
        let directory = self.directory.display().to_string();
        match &self.found {
            Found::Model { family, published_as, parameters, bytes, sound } => {
                let published = published_as.map(|name| format!(", as {name}")).unwrap_or_default();
                let fit = if *sound { "" } else { ", weights do NOT fit" };
                let what = format!("{family}{published}{fit}");
                vec![directory, text::count(*parameters), text::bytes(*bytes), what]
            }
            Found::Broken { error } => vec![directory, "-".to_owned(), "-".to_owned(), error.clone()],
        }
    }
}

/// Finds model directories, in the order of their names.
fn search(dir: &Path, depth: u32, local: &mut Vec<Local>) {
    if find_config(dir).is_ok() && find_weights(dir).is_ok() {
        let found = match inspect(dir, false) {
            Ok(inspection) => Found::of(inspection),
            Err(error) => Found::Broken { error: error.to_string() },
        };
        local.push(Local { directory: dir.to_owned(), found });
        return;
    }
    if depth == 0 {
        return;
    }
    let mut folders: Vec<PathBuf> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    for folder in folders {
        search(&folder, depth - 1, local);
    }
}

impl Found {
    fn of(inspection: Inspection) -> Self {
        Self::Model {
            family: inspection.family.to_string(),
            published_as: inspection.published_as,
            parameters: inspection.parameters,
            bytes: inspection.bytes,
            sound: inspection.mismatch.is_none(),
        }
    }
}

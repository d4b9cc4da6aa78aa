use serde_json::Value;

use crate::server::{Server, ServerOptions, json};
use crate::table::table;
use crate::{Error, terminal};

/// The options of `orfeas models served`.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Where the server is.
    #[command(flatten)]
    pub server: ServerOptions,
}

pub(super) fn run(options: &Options) -> Result<(), Error> {
    let server = Server::find(&options.server)?;
    let answer: Value = json(server.get_once(&server.gateway_url("models"))?)?;
    if options.json {
        return terminal::print(&(serde_json::to_string_pretty(&answer).map_err(anyhow::Error::from)? + "\n"));
    }
    let models = answer["models"].as_array().map(Vec::as_slice).unwrap_or_default();
    if models.is_empty() {
        return terminal::print("No worker is running, so there are no models.\n");
    }
    let rows: Vec<Vec<String>> = models.iter().map(row).collect();
    terminal::print(&table(&["MODEL", "FAMILY", "STEPS", "GUIDANCE", "GRID", "LARGEST", "LICENCE", ""], &rows))
}

fn row(model: &Value) -> Vec<String> {
    let text = |field: &str| match &model[field] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    let notes: Vec<&str> = [("default", "default"), ("multi_view", "several views")]
        .into_iter()
        .filter(|(field, _)| model[*field] == true)
        .map(|(_, note)| note)
        .collect();
    let fields = ["name", "family", "steps", "guidance_scale", "octree_resolution", "max_octree_resolution", "licence"];
    fields.map(text).into_iter().chain([notes.join(", ")]).collect()
}

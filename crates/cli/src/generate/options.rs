//! What `orfeas generate` may be told.

use crate::Error;
use domain::{MeshFormat, Parameters};
use serde_json::Value;
use std::path::PathBuf;

/// Where the service is.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Server")]
pub struct ServerOptions {
    /// Address of the gateway. Absent: that of the `orfeas up` which runs in --data, or else http://127.0.0.1:8080.
    #[arg(long, env = "ORFEAS_URL", value_name = "URL")]
    pub url: Option<String>,

    /// Address of the status service. Absent: that of the `orfeas up` which runs in --data when --url is absent too, or
    /// else the same as --url (a proxy in front serves both).
    #[arg(long, env = "ORFEAS_STATUS_URL", value_name = "URL")]
    pub status_url: Option<String>,

    /// API key. Absent: that of the `orfeas up` which runs in --data, when --url is absent too.
    #[arg(long, env = "ORFEAS_API_KEY", value_name = "KEY", hide_env_values = true)]
    pub api_key: Option<String>,

    /// Data directory in which an `orfeas up` runs.
    #[arg(long, env = "ORFEAS_DATA", value_name = "DIR", default_value = "data")]
    pub data: PathBuf,
}

/// Turn pictures into meshes.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Pictures: PNG, JPEG or WebP files. An object on a transparent background gives the best results.
    #[arg(required = true, value_name = "PICTURE")]
    pub pictures: Vec<PathBuf>,

    /// Mesh file to write, or a directory for several. Absent: beside each picture, with the mesh's extension.
    #[arg(short, long, value_name = "FILE|DIR")]
    pub output: Option<PathBuf>,

    /// Also write a shaded picture of each mesh, as NAME.png beside it (NAME.thumbnail.png if that is the picture sent).
    #[arg(long)]
    pub thumbnail: bool,

    /// Also write the job's record, with the mesh's measures and timings, as NAME.json beside it.
    #[arg(long)]
    pub json: bool,

    /// Jobs to have under way at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: u16,

    /// No progress bars; only a line for each mesh.
    #[arg(short, long)]
    pub quiet: bool,

    /// What the mesh is made with.
    #[command(flatten)]
    pub parameters: ParameterOptions,

    /// Where the service is.
    #[command(flatten)]
    pub server: ServerOptions,
}

/// What the mesh is made with. Absent ones are the model's own choice.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Parameters")]
pub struct ParameterOptions {
    /// Denoising steps, 1 to 200.
    #[arg(long, value_name = "N")]
    pub steps: Option<u32>,

    /// Guidance scale, 0 to 20: how closely the mesh follows the picture.
    #[arg(long, value_name = "SCALE")]
    pub guidance_scale: Option<f64>,

    /// Seed of the noise; the same seed, picture and parameters make the same mesh.
    #[arg(long, value_name = "SEED")]
    pub seed: Option<u64>,

    /// Grid resolution, 16 to 512: how fine the mesh is.
    #[arg(long, value_name = "CELLS")]
    pub octree_resolution: Option<u32>,

    /// Most triangles, 100 to 5000000.
    #[arg(long, value_name = "TRIANGLES")]
    pub face_budget: Option<u32>,

    /// glb, obj or stl. Absent: by the extension of --output, or glb.
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<MeshFormat>,
}

impl ParameterOptions {
    /// The parameters of a job whose mesh is written in `format`.
    pub(super) fn parameters(&self, format: MeshFormat) -> Result<Parameters, Error> {
        let mut parameters = Parameters { format: Some(format), ..Parameters::default() };
        let given = [
            ("steps", self.steps.map(Value::from)),
            ("guidance_scale", self.guidance_scale.map(Value::from)),
            ("seed", self.seed.map(Value::from)),
            ("octree_resolution", self.octree_resolution.map(Value::from)),
            ("face_budget", self.face_budget.map(Value::from)),
        ];
        for (name, value) in given {
            let set = parameters.set(name, &value.unwrap_or_default());
            set.map_err(|error| Error::Usage(error.map_or_else(|| name.to_owned(), |error| error.to_string())))?;
        }
        Ok(parameters)
    }
}

//! The command line of `orfeas generate`.

use super::parameters::ParameterOptions;
use crate::server::ServerOptions;
use domain::View;
use std::path::PathBuf;

/// Turn images into meshes.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Images: PNG, JPEG or WebP files; - is standard input. An object on a transparent background gives the best
    /// results. Each image makes a mesh of its own.
    #[arg(required_unless_present_any = ["front", "left", "back", "right"], value_name = "PICTURE")]
    pub images: Vec<PathBuf>,

    /// Images of several sides of one object.
    #[command(flatten)]
    pub views: ViewOptions,

    /// Mesh file to write (its extension is the format), - for standard output, or a directory. Default: beside each
    /// image, with the mesh's extension.
    #[arg(short, long, value_name = "FILE|DIR")]
    pub output: Option<PathBuf>,

    /// Also write a shaded image of each mesh, as NAME.png beside it (NAME.thumbnail.png if that is the image sent).
    #[arg(long)]
    pub thumbnail: bool,

    /// Also write the job's record, with the mesh's measures and timings, as NAME.json beside it.
    #[arg(long)]
    pub json: bool,

    /// Most jobs at a time.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallel: u16,

    /// No progress bars; only a line for each mesh.
    #[arg(short, long)]
    pub quiet: bool,

    /// Model to use (see `orfeas models served`). Default: the server's default model.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,

    /// Parameters of the request.
    #[command(flatten)]
    pub parameters: ParameterOptions,

    /// Where the server is.
    #[command(flatten)]
    pub server: ServerOptions,
}

/// Images of several sides of one object, for models that take several views.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Views of one object, in place of PICTURE")]
pub struct ViewOptions {
    /// The front.
    #[arg(long, value_name = "FILE", conflicts_with = "images")]
    pub front: Option<PathBuf>,
    /// The left side.
    #[arg(long, value_name = "FILE", conflicts_with = "images")]
    pub left: Option<PathBuf>,
    /// The back.
    #[arg(long, value_name = "FILE", conflicts_with = "images")]
    pub back: Option<PathBuf>,
    /// The right side.
    #[arg(long, value_name = "FILE", conflicts_with = "images")]
    pub right: Option<PathBuf>,
}

impl ViewOptions {
    /// The views that were given, the front first.
    pub(super) fn given(&self) -> Vec<(View, PathBuf)> {
        let path = |view| match view {
            View::Front => &self.front,
            View::Left => &self.left,
            View::Back => &self.back,
            View::Right => &self.right,
        };
        View::ALL.into_iter().filter_map(|view| Some((view, path(view).clone()?))).collect()
    }
}

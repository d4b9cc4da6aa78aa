#![doc = include_str!("../README.md")]

mod clean;
mod components;
mod edges;
mod error;
mod measure;
mod mesh;
mod normals;
mod render;
mod simplify;
mod surface;
mod vector;
pub mod write;

pub use clean::{remove_degenerate_faces, remove_floaters, weld};
pub use error::Error;
pub use measure::{Measures, measure};
pub use mesh::{Mesh, to_world};
pub use render::thumbnail;
pub use simplify::simplify;
pub use surface::{Grid, extract_closed_surface, extract_surface};

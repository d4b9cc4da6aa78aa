//! Mesh files, complete in memory. All are right-handed with +Y up, as the models make them, with smooth,
//! area-weighted vertex normals where the format has them.

mod glb;
mod obj;
mod stl;

use crate::error::Error;
use crate::mesh::Mesh;

pub use glb::glb;
pub use obj::obj;
pub use stl::stl;

/// Writes a mesh in one format.
pub type Writer = fn(&Mesh) -> Result<Vec<u8>, Error>;

/// All writers, by the name of their format. A new format is one line here and its file.
const WRITERS: &[(&str, Writer)] = &[("glb", glb), ("obj", obj), ("stl", stl)];

/// The writer of a format, by its name.
pub fn writer(format: &str) -> Option<Writer> {
    WRITERS.iter().find(|(name, _)| *name == format).map(|&(_, writer)| writer)
}

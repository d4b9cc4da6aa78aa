//! Files of a mesh, whole in memory. All are right-handed with +Y up, as the model makes them, and hold smooth,
//! area-weighted normals where the format has normals of vertices.

mod glb;
mod obj;
mod stl;

pub use glb::glb;
pub use obj::obj;
pub use stl::stl;

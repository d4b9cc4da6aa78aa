use thiserror::Error;

/// The reason for which a mesh cannot be made, written or rendered.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The mesh has no faces, so there is nothing to write or to render.
    #[error("the mesh has no faces")]
    Empty,
    /// A vertex has a coordinate that is NaN or infinite.
    #[error("vertex {vertex} is not finite")]
    NotFinite {
        /// Index of the first such vertex.
        vertex: usize,
    },
    /// A face names a vertex that does not exist.
    #[error("face {face} names a vertex that does not exist; there are {vertices}")]
    FaceIndex {
        /// Index of the first such face.
        face: usize,
        /// Number of vertices of the mesh.
        vertices: usize,
    },
    /// The number of grid values does not fit the shape.
    #[error("a grid of shape {shape:?} does not have {values} values")]
    GridShape {
        /// Points along x, y and z.
        shape: [usize; 3],
        /// Number of values given.
        values: usize,
    },
    /// The result would not fit the format (4 GiB for GLB, 2^32 triangles for STL).
    #[error("the mesh is too large for {format}")]
    TooLarge {
        /// Name of the format.
        format: &'static str,
    },
    /// A thumbnail's edge is outside 16..=4096 pixels.
    #[error("a thumbnail of {size} pixels is outside 16..=4096")]
    ThumbnailSize {
        /// The requested size.
        size: u32,
    },
    /// The glTF header could not be written as JSON.
    #[error("the glTF header could not be written")]
    Json(#[source] serde_json::Error),
    /// The picture could not be encoded as PNG.
    #[error("the picture could not be encoded")]
    Png(#[source] image::ImageError),
}

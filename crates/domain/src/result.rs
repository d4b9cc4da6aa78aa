//! What came of a job.

use crate::{BlobId, MeshFormat};
use serde::{Deserialize, Serialize};

/// Measures of a mesh: the quality record of each result. Lengths are in the model's units, where the box that is
/// searched for a surface is [-1.01, 1.01] along each axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Quality {
    /// Number of vertices.
    pub vertices: u64,
    /// Number of triangles.
    pub faces: u64,
    /// Every edge has exactly two triangles, with opposite directions.
    pub watertight: bool,
    /// Vertices - edges + faces.
    pub euler_number: i64,
    /// Connected components, by shared edges.
    pub components: u64,
    /// Surface area.
    pub area: f64,
    /// Enclosed volume, positive when oriented outward.
    pub volume: f64,
    /// Smallest x, y, z and largest x, y, z.
    pub bounding_box: [[f64; 3]; 2],
    /// Triangles of no area.
    pub degenerate_faces: u64,
    /// Edges with one triangle only.
    pub boundary_edges: u64,
}

/// Where the time of a job went, in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Timings {
    /// From submission to the lease of the attempt that succeeded.
    pub queue: f64,
    /// Picture to tensor.
    pub preprocess: f64,
    /// Image encoder.
    pub encode: f64,
    /// All denoising steps.
    pub denoise: f64,
    /// ShapeVAE and volume decoding.
    pub decode: f64,
    /// Surface extraction and cleaning.
    pub surface: f64,
    /// Writing and storing the files.
    pub export: f64,
}

/// What came of a job that succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ResultRecord {
    /// The mesh file in the blob store.
    #[schema(value_type = String)]
    pub mesh: BlobId,
    /// Its format.
    pub format: MeshFormat,
    /// Its size in bytes.
    pub bytes: u64,
    /// A shaded PNG of it in the blob store.
    #[schema(value_type = String)]
    pub thumbnail: BlobId,
    /// Measures of the mesh.
    pub quality: Quality,
    /// Where the time went.
    pub timings: Timings,
    /// The model that made it.
    pub model: String,
    /// The seed it was made with: the same seed, picture and parameters make the same mesh.
    pub seed: u64,
    /// Denoising steps taken.
    pub steps: u32,
    /// Guidance scale used.
    pub guidance_scale: f64,
    /// Grid resolution used.
    pub octree_resolution: u32,
    /// Jobs that shared the batch, this one included.
    pub batch_size: u32,
}

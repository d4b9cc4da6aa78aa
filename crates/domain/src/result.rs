//! The result of a job.

use crate::{BlobId, MeshFormat};
use serde::{Deserialize, Serialize};

/// Measures of a mesh: the quality record of each result. Lengths are in model units: the decoded volume spans
/// [-1.01, 1.01] along each axis.
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
    /// Triangles without area.
    pub degenerate_faces: u64,
    /// Edges with exactly one triangle.
    pub boundary_edges: u64,
}

/// A file that a job made, in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Artifact {
    /// What it is for the job: `mesh`, `thumbnail`, …; each role at most once.
    pub role: String,
    /// Its media type.
    pub media_type: String,
    /// SHA-256 of its bytes, hexadecimal; also its name in the blob store.
    #[serde(rename = "digest")]
    #[schema(value_type = String)]
    pub blob: BlobId,
    /// Its size.
    pub bytes: u64,
}

impl Artifact {
    /// The role of the mesh file.
    pub const MESH: &str = "mesh";
    /// The role of the shaded picture of the mesh.
    pub const THUMBNAIL: &str = "thumbnail";

    /// The mesh file.
    pub fn mesh(blob: BlobId, format: MeshFormat, bytes: u64) -> Self {
        Self { role: Self::MESH.to_owned(), media_type: format.media_type().to_owned(), blob, bytes }
    }

    /// The thumbnail, a PNG file.
    pub fn thumbnail(blob: BlobId, bytes: u64) -> Self {
        Self { role: Self::THUMBNAIL.to_owned(), media_type: "image/png".to_owned(), blob, bytes }
    }
}

/// Time spent in one stage of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StageTiming {
    /// The name of the stage; `queue` is the time from submission to the lease of the attempt that succeeded.
    pub stage: String,
    /// Seconds of wall-clock time. A stage that jobs of a batch share counts in full for each of them.
    pub seconds: f64,
}

/// The result of a job that succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ResultRecord {
    /// The files.
    pub artifacts: Vec<Artifact>,
    /// The format of the mesh.
    pub format: MeshFormat,
    /// Measures of the mesh.
    pub quality: Quality,
    /// Where the time went, in the order of the stages.
    pub timings: Vec<StageTiming>,
    /// The model that made it.
    pub model: String,
    /// SHA-256 of the model's configuration and weights.
    #[serde(default)]
    pub model_digest: String,
    /// The seed it was made with: the same seed, image and parameters make the same mesh.
    pub seed: u64,
    /// Denoising steps taken.
    pub steps: u32,
    /// Guidance scale used.
    pub guidance_scale: f64,
    /// Grid resolution used.
    pub octree_resolution: u32,
    /// Jobs that shared the batch, this one included.
    pub batch_size: u32,
    /// What is doubtful about the result, such as a mesh that was cut at the boundary of the grid.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub warnings: Vec<String>,
}

impl StageTiming {
    /// The time of a stage.
    pub fn new(stage: &str, seconds: f64) -> Self {
        Self { stage: stage.to_owned(), seconds }
    }
}

impl ResultRecord {
    /// The artifact of a role.
    pub fn artifact(&self, role: &str) -> Option<&Artifact> {
        self.artifacts.iter().find(|artifact| artifact.role == role)
    }
}

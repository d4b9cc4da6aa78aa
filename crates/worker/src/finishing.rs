//! From a field to files, on CPU threads: surface, cleaning, simplifying, measures, thumbnail, mesh file.

use crate::failure;
use domain::{Failure, MeshFormat, Quality};
use mesh::Mesh;
use model::{Field, VertexMapping};

/// The stages of a job that follow the engine's, with the share of the time that they take.
pub(crate) const STAGES: [(&str, f64); 2] = [("surface", 7.0), ("export", 3.0)];

/// Logits above this are inside the shape.
const LEVEL: f32 = 0.0;

/// Pixels along each side of a thumbnail.
const THUMBNAIL_SIZE: u32 = 512;

/// Reads the surface from a field and cleans it: equal vertices become one, faces without area and floating crumbs go,
/// and at most `face_budget` faces stay.
///
/// # Errors
/// `no_surface` when the field has none.
pub fn surface(field: Field, mapping: VertexMapping, face_budget: Option<u32>) -> Result<Mesh, Failure> {
    let raw = field.to_mesh(LEVEL, mapping);
    drop(field); // it may be hundreds of megabytes, and the mesh needs room too
    let mut mesh = mesh::remove_floaters(raw);
    if let Some(most) = face_budget.map(|most| most as usize)
        && mesh.faces.len() > most
    {
        mesh = mesh::remove_degenerate_faces(mesh::weld(&mesh::simplify(&mesh, most)));
    }
    if mesh.faces.is_empty() { Err(failure::no_surface()) } else { Ok(mesh) }
}

/// A finished mesh, ready to be stored.
#[derive(Debug)]
pub struct Files {
    /// The mesh file.
    pub mesh: Vec<u8>,
    /// A shaded picture of it, PNG.
    pub thumbnail: Vec<u8>,
    /// Its measures.
    pub quality: Quality,
}

/// Measures a mesh, draws it, and writes it in `format`.
///
/// # Errors
/// `internal` when the thumbnail or the file cannot be made.
pub fn export(mesh: &Mesh, format: MeshFormat) -> Result<Files, Failure> {
    let (bytes, (thumbnail, quality)) = rayon::join(
        || mesh::write::writer(format.as_str()).unwrap_or(mesh::write::glb)(mesh),
        || rayon::join(|| mesh::thumbnail(mesh, THUMBNAIL_SIZE), || quality(&mesh::measure(mesh))),
    );
    let thumbnail = thumbnail.map_err(|error| failure::internal("the thumbnail could not be drawn", &error))?;
    let mesh = bytes.map_err(|error| failure::internal("the mesh file could not be written", &error))?;
    Ok(Files { mesh, thumbnail, quality })
}

fn quality(measures: &mesh::Measures) -> Quality {
    Quality {
        vertices: measures.vertices as u64,
        faces: measures.faces as u64,
        watertight: measures.watertight,
        euler_number: measures.euler_number,
        components: measures.components as u64,
        area: measures.area,
        volume: measures.volume,
        bounding_box: measures.bounding_box,
        degenerate_faces: measures.degenerate_faces as u64,
        boundary_edges: measures.boundary_edges as u64,
    }
}

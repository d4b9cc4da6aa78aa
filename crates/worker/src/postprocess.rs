//! From a field to files, on CPU threads: surface, cleaning, simplification, measures, thumbnail, mesh file.

use crate::failure;
use domain::{Failure, FailureCode, MeshFormat, Quality};
use mesh::Mesh;
use model::{Field, VertexMapping};

/// The stages of a job that follow those of the model, with their weights.
pub(crate) const STAGES: [(&str, f64); 2] = [("surface", 7.0), ("export", 3.0)];

/// Values above this are inside the shape.
const LEVEL: f32 = 0.0;

/// Pixels along each side of a thumbnail.
const THUMBNAIL_SIZE: u32 = 512;

/// Extracts the surface of a field, removes small floating parts, and reduces it to at most `face_budget` faces. The
/// second value says whether the shape reached the boundary of the grid and was closed there.
///
/// # Errors
/// `no_surface` if the field has none.
pub fn surface(field: Field, mapping: VertexMapping, face_budget: Option<u32>) -> Result<(Mesh, bool), Failure> {
    let (mesh, is_cut) = field.to_closed_mesh(LEVEL, mapping);
    drop(field); // up to hundreds of megabytes, which the next steps need
    let mut mesh = mesh::remove_floaters(mesh);
    if let Some(most) = face_budget.map(|most| most as usize)
        && mesh.faces.len() > most
    {
        mesh = mesh::remove_degenerate_faces(mesh::weld(&mesh::simplify(&mesh, most)));
    }
    if mesh.faces.is_empty() { Err(FailureCode::NoSurface.failure()) } else { Ok((mesh, is_cut)) }
}

/// A finished mesh, ready to be stored.
#[derive(Debug)]
pub struct Files {
    /// The mesh file.
    pub mesh: Vec<u8>,
    /// A shaded picture of the mesh, PNG.
    pub thumbnail: Vec<u8>,
    /// The measures of the mesh.
    pub quality: Quality,
}

/// Measures a mesh, renders its thumbnail, and writes it in `format`.
///
/// # Errors
/// `internal` if the thumbnail or the file cannot be made.
pub fn export(mesh: &Mesh, format: MeshFormat) -> Result<Files, Failure> {
    let writer = mesh::write::writer(format.as_str())
        .ok_or_else(|| failure::logged(FailureCode::Internal, "a format of the table has no writer"))?;
    let (file, (thumbnail, quality)) = rayon::join(
        || writer(mesh),
        || rayon::join(|| mesh::thumbnail(mesh, THUMBNAIL_SIZE), || quality(&mesh::measure(mesh))),
    );
    let thumbnail = thumbnail.map_err(|error| failure::internal("the thumbnail cannot be rendered", &error))?;
    let mesh = file.map_err(|error| failure::internal("the mesh file cannot be written", &error))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_writer() {
        for format in MeshFormat::all() {
            assert!(mesh::write::writer(format.as_str()).is_some(), "{format}");
        }
    }
}

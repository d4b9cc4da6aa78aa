use crate::error::Error;
use crate::mesh::Mesh;
use crate::normals::face_normal;
use crate::vector::unit;

/// Writes a binary STL. STL holds separate triangles: the vertices are no longer shared.
///
/// # Errors
/// As [`Mesh::check`], and [`Error::TooLarge`].
pub fn stl(mesh: &Mesh) -> Result<Vec<u8>, Error> {
    mesh.check()?;
    let count = u32::try_from(mesh.faces.len()).map_err(|_| Error::TooLarge { format: "STL" })?;
    let mut file = Vec::with_capacity(84 + 50 * mesh.faces.len());
    // Must not begin with "solid", which would announce the text format.
    let mut header = [0_u8; 80];
    header[..6].copy_from_slice(b"ORFEAS");
    file.extend_from_slice(&header);
    file.extend_from_slice(&count.to_le_bytes());
    for &face in &mesh.faces {
        let normal = unit(face_normal(mesh, face)).unwrap_or_default().map(|c| c as f32);
        let corners = face.map(|v| mesh.vertices[v as usize]);
        for number in normal.iter().chain(corners.iter().flatten()) {
            file.extend_from_slice(&number.to_le_bytes());
        }
        file.extend_from_slice(&[0, 0]);
    }
    Ok(file)
}

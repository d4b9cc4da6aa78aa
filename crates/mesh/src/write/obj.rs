use std::io::Write as _;

use crate::error::Error;
use crate::mesh::Mesh;
use crate::normals::vertex_normals;

/// Writes a Wavefront OBJ with normals. Numbers are the shortest that read back as the same `f32`.
///
/// # Errors
/// As [`Mesh::check`].
pub fn obj(mesh: &Mesh) -> Result<Vec<u8>, Error> {
    const MEMORY: &str = "writing to memory does not fail. This is a bug.";
    mesh.check()?;
    let mut file = Vec::with_capacity(64 * mesh.vertices.len() + 48 * mesh.faces.len());
    file.extend_from_slice(b"# ORFEAS\no mesh\n");
    for [x, y, z] in &mesh.vertices {
        writeln!(file, "v {x} {y} {z}").expect(MEMORY);
    }
    for [x, y, z] in vertex_normals(mesh) {
        writeln!(file, "vn {x} {y} {z}").expect(MEMORY);
    }
    for face in &mesh.faces {
        let [a, b, c] = face.map(|v| u64::from(v) + 1);
        writeln!(file, "f {a}//{a} {b}//{b} {c}//{c}").expect(MEMORY);
    }
    Ok(file)
}

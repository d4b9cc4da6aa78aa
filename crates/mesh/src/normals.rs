use crate::mesh::Mesh;
use crate::vector::{Vector, cross, sub, unit};

/// Smooth normals: for each vertex the unit mean of the normals of its faces, weighted by area; +Y for a vertex without
/// a face that has area.
pub(crate) fn vertex_normals(mesh: &Mesh) -> Vec<[f32; 3]> {
    let mut sums: Vec<Vector> = vec![[0.0; 3]; mesh.vertices.len()];
    for &face in &mesh.faces {
        // Its length is twice the area, which makes the weight.
        let normal = face_normal(mesh, face);
        for v in face {
            let sum = &mut sums[v as usize];
            *sum = std::array::from_fn(|i| sum[i] + normal[i]);
        }
    }
    sums.into_iter().map(|sum| unit(sum).unwrap_or([0.0, 1.0, 0.0]).map(|c| c as f32)).collect()
}

/// A face's normal, as long as twice its area.
pub(crate) fn face_normal(mesh: &Mesh, face: [u32; 3]) -> Vector {
    let [a, b, c] = mesh.corners(face);
    cross(sub(b, a), sub(c, a))
}

use serde::Serialize;

use crate::components::Components;
use crate::edges::{Edges, is_closed};
use crate::mesh::Mesh;
use crate::vector::{cross, norm, sub};

/// Measures of a mesh. Lengths are in the unit of its vertices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measures {
    /// Number of vertices, referenced or not.
    pub vertices: usize,
    /// Number of faces.
    pub faces: usize,
    /// Whether every edge belongs to exactly two faces that run along it in opposite directions. False when empty.
    pub watertight: bool,
    /// Referenced vertices - edges + faces.
    pub euler_number: i64,
    /// Components that are connected by shared edges.
    pub components: usize,
    /// Total area of the faces.
    pub area: f64,
    /// Signed volume, as the integral of x over the faces: positive if they are oriented outward. Of an open mesh it is the
    /// volume between the faces and the plane x = 0, which depends on where the mesh lies.
    pub volume: f64,
    /// Smallest and largest corner over all vertices; zeros without vertices.
    pub bounding_box: [[f64; 3]; 2],
    /// Faces that name a vertex twice or have no area.
    pub degenerate_faces: usize,
    /// Edges of exactly one face.
    pub boundary_edges: usize,
}

/// Measures a mesh.
///
/// # Panics
/// If a face names a vertex that does not exist (see [`Mesh::check`]).
pub fn measure(mesh: &Mesh) -> Measures {
    let edges = Edges::of(mesh);
    let (mut all_closed, mut edge_count, mut boundary_edges) = (true, 0_i64, 0);
    for sides in edges.iter() {
        edge_count += 1;
        all_closed &= is_closed(sides);
        boundary_edges += usize::from(sides.len() == 1);
    }

    let bounding_box = mesh.bounding_box().unwrap_or_default().map(|corner| corner.map(f64::from));
    let (mut area, mut volume, mut degenerate_faces) = (0.0, 0.0, 0);
    for &face in &mesh.faces {
        let [a, b, c] = mesh.corners(face);
        let normal = cross(sub(b, a), sub(c, a));
        let twice_area = norm(normal);
        area += twice_area / 2.0;
        volume += normal[0] * (a[0] + b[0] + c[0]) / 6.0;
        degenerate_faces += usize::from(twice_area == 0.0);
    }

    let mut referenced = vec![false; mesh.vertices.len()];
    for &v in mesh.faces.iter().flatten() {
        referenced[v as usize] = true;
    }
    let referenced = referenced.into_iter().filter(|&referenced| referenced).count();

    Measures {
        vertices: mesh.vertices.len(),
        faces: mesh.faces.len(),
        watertight: all_closed && edge_count > 0,
        euler_number: referenced as i64 - edge_count + mesh.faces.len() as i64,
        components: Components::of(mesh, &edges).faces.len(),
        area,
        volume,
        bounding_box,
        degenerate_faces,
        boundary_edges,
    }
}

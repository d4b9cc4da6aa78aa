//! Reduction to a budget of faces.

mod collapse;
mod quadric;

use meshopt::{SimplifyOptions, VertexDataAdapter};

use crate::components::Components;
use crate::edges::Edges;
use crate::mesh::Mesh;
use crate::normals::face_normal;
use crate::vector::norm;

/// Reduces a mesh to at most `max_faces` faces by quadric edge collapse. A mesh within the budget is returned unchanged.
///
/// The topology is kept: a closed surface stays closed, with the same number of parts and holes; the boundary of an
/// open one stays in place. When that leaves more faces than the budget, the smallest parts are dropped; and when a single
/// part is still too large, it is reduced without regard to its topology and may lose its closedness. The result does
/// not depend on the number of threads.
///
/// # Panics
/// If a face names a vertex that does not exist (see [`Mesh::check`]).
pub fn simplify(mesh: &Mesh, max_faces: usize) -> Mesh {
    if mesh.faces.len() <= max_faces {
        return mesh.clone();
    }
    let mut simplified = collapse::reduce(mesh, max_faces);
    drop_smallest_parts(&mut simplified, max_faces);
    if simplified.faces.len() > max_faces {
        simplified = reduce_without_topology(&simplified, max_faces);
    }
    simplified.drop_unreferenced();
    simplified
}

/// Drops parts in the order of their areas until the budget is met or one part is left.
fn drop_smallest_parts(mesh: &mut Mesh, max_faces: usize) {
    if mesh.faces.len() <= max_faces {
        return;
    }
    let components = Components::of(mesh, &Edges::of(mesh));
    let mut areas = vec![0.0; components.faces.len()];
    for (&face, &component) in mesh.faces.iter().zip(&components.of_face) {
        areas[component as usize] += norm(face_normal(mesh, face));
    }
    let mut order: Vec<usize> = (0..areas.len()).collect();
    order.sort_by(|&a, &b| areas[a].total_cmp(&areas[b]));
    let mut is_kept = vec![true; areas.len()];
    let mut left = mesh.faces.len();
    for &part in order.iter().take(areas.len().saturating_sub(1)) {
        if left <= max_faces {
            break;
        }
        is_kept[part] = false;
        left -= components.faces[part];
    }
    let mut face = 0;
    mesh.faces.retain(|_| {
        face += 1;
        is_kept[components.of_face[face - 1] as usize]
    });
}

/// Reduces a mesh that topology-preserving collapses cannot reduce further.
fn reduce_without_topology(mesh: &Mesh, max_faces: usize) -> Mesh {
    let positions = VertexDataAdapter::new(bytemuck::cast_slice(&mesh.vertices), size_of::<[f32; 3]>(), 0)
        .expect("vertices are three floats each. This is a bug.");
    let indices: &[u32] = bytemuck::cast_slice(&mesh.faces);
    let mut left = meshopt::simplify(indices, &positions, 3 * max_faces, f32::MAX, SimplifyOptions::None, None);
    if left.len() > 3 * max_faces {
        left = meshopt::simplify_sloppy(indices, &positions, 3 * max_faces, f32::MAX, None);
    }
    let faces = left.chunks_exact(3).map(|face| [face[0], face[1], face[2]]).take(max_faces).collect();
    Mesh { vertices: mesh.vertices.clone(), faces }
}

//! Cleaning (specification section 14): floaters, then degenerate faces.

use std::collections::HashMap;

use crate::components::Components;
use crate::edges::Edges;
use crate::mesh::Mesh;

/// Removes every component with fewer faces than 0.5 % of the largest one's, rounded down.
///
/// Faces belong to one component if they are connected by shared edges: [`weld`] a mesh first whose faces do not share
/// vertices, such as one read from an STL file. Surfaces of [`extract_surface`](crate::extract_surface) share them.
///
/// # Panics
/// If a face names a vertex that does not exist (see [`Mesh::check`]).
pub fn remove_floaters(mut mesh: Mesh) -> Mesh {
    let components = Components::of(&mesh, &Edges::of(&mesh));
    let least = components.faces.iter().max().map_or(0, |&largest| largest / 200);
    let mut face = 0;
    mesh.faces.retain(|_| {
        let component = components.of_face[face];
        face += 1;
        components.faces[component as usize] >= least
    });
    mesh.drop_unreferenced();
    mesh
}

/// Removes faces that name a vertex twice. Faces without area but with three different vertices stay, and so do
/// duplicate faces.
///
/// # Panics
/// If a face names a vertex that does not exist (see [`Mesh::check`]).
pub fn remove_degenerate_faces(mut mesh: Mesh) -> Mesh {
    mesh.faces.retain(|&[a, b, c]| a != b && b != c && c != a);
    mesh.drop_unreferenced();
    mesh
}

/// Merges vertices of the same position and drops those that no face names. All faces stay, in their order.
///
/// # Panics
/// If a face names a vertex that does not exist (see [`Mesh::check`]).
pub fn weld(mesh: &Mesh) -> Mesh {
    let mut first_at = HashMap::with_capacity(mesh.vertices.len());
    let merged: Vec<u32> = mesh
        .vertices
        .iter()
        .zip(0_u32..)
        // Adding zero makes -0 and 0 the same bits.
        .map(|(vertex, index)| *first_at.entry(vertex.map(|c| (c + 0.0).to_bits())).or_insert(index))
        .collect();
    let mut welded = Mesh {
        vertices: mesh.vertices.clone(),
        faces: mesh.faces.iter().map(|face| face.map(|v| merged[v as usize])).collect(),
    };
    welded.drop_unreferenced();
    welded
}

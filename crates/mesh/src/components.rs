//! Connected components of a mesh, by shared edges.

use crate::edges::Edges;
use crate::mesh::Mesh;

/// The component of every face (faces that share an edge are in one), and the number of faces of every component.
/// Components are numbered in the order of their first faces.
pub(crate) struct Components {
    pub(crate) of_face: Vec<u32>,
    pub(crate) faces: Vec<usize>,
}

impl Components {
    pub(crate) fn of(mesh: &Mesh, edges: &Edges) -> Self {
        let mut parent: Vec<u32> = (0..mesh.faces.len() as u32).collect();
        for sides in edges.iter() {
            for other in &sides[1..] {
                let (a, b) = (root(&mut parent, sides[0].face), root(&mut parent, other.face));
                // The smaller face stays the root, so that a root comes before its members.
                parent[a.max(b) as usize] = a.min(b);
            }
        }
        let mut of_face = vec![0; mesh.faces.len()];
        let mut faces = Vec::new();
        for face in 0..mesh.faces.len() {
            let root = root(&mut parent, face as u32) as usize;
            if root == face {
                of_face[face] = faces.len() as u32;
                faces.push(0);
            } else {
                of_face[face] = of_face[root];
            }
            faces[of_face[face] as usize] += 1;
        }
        Components { of_face, faces }
    }
}

fn root(parent: &mut [u32], mut face: u32) -> u32 {
    while parent[face as usize] != face {
        let grandparent = parent[parent[face as usize] as usize];
        parent[face as usize] = grandparent;
        face = grandparent;
    }
    face
}

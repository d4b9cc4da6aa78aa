//! The edges of a mesh and the faces at each edge.

use crate::mesh::Mesh;

/// One use of an edge by a face.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Side {
    /// The edge's larger vertex.
    pub(crate) to: u32,
    /// The face that has this side.
    pub(crate) face: u32,
    /// Whether the face runs from the smaller vertex to the larger.
    pub(crate) forward: bool,
}

/// All sides of all faces, gathered by edge. Sides from a vertex to itself are left out.
pub(crate) struct Edges {
    sides: Vec<Side>,
    /// Sides of edges whose smaller vertex is v: `sides[start[v]..start[v + 1]]`.
    start: Vec<u32>,
}

impl Edges {
    pub(crate) fn of(mesh: &Mesh) -> Self {
        Self::between(mesh.vertices.len(), &mesh.faces)
    }

    /// The edges between a number of vertices.
    pub(crate) fn between(vertices: usize, faces: &[[u32; 3]]) -> Self {
        let sides_of = |face: &[u32; 3]| {
            let [a, b, c] = *face;
            [(a, b), (b, c), (c, a)].into_iter().filter(|(from, to)| from != to)
        };
        let mut start = vec![0_u32; vertices + 1];
        for (from, to) in faces.iter().flat_map(sides_of) {
            start[from.min(to) as usize + 1] += 1;
        }
        for v in 1..start.len() {
            start[v] += start[v - 1];
        }
        let mut next = start.clone();
        let mut sides = vec![Side { to: 0, face: 0, forward: false }; start.last().map_or(0, |&n| n as usize)];
        for (face, corners) in faces.iter().enumerate() {
            for (from, to) in sides_of(corners) {
                let slot = &mut next[from.min(to) as usize];
                sides[*slot as usize] = Side { to: from.max(to), face: face as u32, forward: from < to };
                *slot += 1;
            }
        }
        for v in 1..start.len() {
            sides[start[v - 1] as usize..start[v] as usize].sort_unstable();
        }
        Edges { sides, start }
    }

    /// The sides at each edge, edge by edge.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[Side]> {
        self.iter_from().map(|(_, sides)| sides)
    }

    /// The smaller vertex of each edge and its sides.
    pub(crate) fn iter_from(&self) -> impl Iterator<Item = (u32, &[Side])> {
        (0_u32..).zip(self.start.windows(2)).flat_map(|(from, range)| {
            let sides = &self.sides[range[0] as usize..range[1] as usize];
            sides.chunk_by(|a, b| a.to == b.to).map(move |sides| (from, sides))
        })
    }
}

/// Whether an edge joins exactly two faces that run along it in opposite directions.
pub(crate) fn is_closed(sides: &[Side]) -> bool {
    matches!(sides, [a, b] if a.forward != b.forward)
}

//! The triangles of a cell for every pattern of inside corners, made once from the geometry of the cube.
//!
//! On each face of the cell the crossings are joined in pairs; the pairs of all six faces chain up into closed loops,
//! and every loop is filled with triangles. A face whose corners alternate can be paired in two ways. The choice is a
//! function of the face's four values only (the asymptotic decider of Nielson and Hamann, as in Lewiner's tables), so
//! the two cells that share the face agree and the surface has no cracks.
//!
//! A loop is filled without chords that lie within a face of the cell, because the neighbour could draw the same
//! chord and the edge would have four triangles. Where no such filling exists the loop gets a vertex in its middle.
//! Both together make every edge of a closed surface belong to exactly two triangles.

use std::sync::LazyLock;

use super::diagonals::is_preferred;

/// Number of edges of a cell. Edge `0..4` runs along z from corner `x + 2y`, `4..8` along y from `x + 2z`, `8..12`
/// along x from `y + 2z`.
pub(super) const EDGES: usize = 12;

/// How to fill one cell.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Filling {
    /// Corners of triangles: an edge below [`EDGES`], or [`EDGES`] + n for the n-th of `centres`.
    pub(super) triangles: Vec<[u8; 3]>,
    /// Loops that have a vertex in their middle, as bit sets of edges.
    pub(super) centres: Vec<u16>,
}

/// One face of the cell whose inside corners alternate.
#[derive(Debug, Clone, Copy)]
pub(super) struct AmbiguousFace {
    /// The two diagonally opposite corners that are inside.
    pub(super) inside: [u8; 2],
    /// The two that are not.
    pub(super) outside: [u8; 2],
}

/// What a pattern of inside corners asks for. Bit `x + 2y + 4z` of a pattern is corner (x, y, z).
pub(super) struct Pattern {
    /// Faces to decide upon, in the order of the bits of a decision.
    pub(super) ambiguous: Vec<AmbiguousFace>,
    /// Fillings by decision; bit n set = the inside corners of ambiguous face n are connected.
    pub(super) fillings: Vec<Filling>,
}

/// All 256 patterns.
pub(super) static PATTERNS: LazyLock<Vec<Pattern>> = LazyLock::new(|| (0..=u8::MAX).map(Pattern::new).collect());

impl Pattern {
    fn new(pattern: u8) -> Self {
        let is_inside = |corner: u8| pattern >> corner & 1 == 1;
        let ambiguous_faces: Vec<usize> = (0..FACES.len())
            .filter(|&face| {
                let [a, b, c, d] = FACES[face].map(is_inside);
                a == c && b == d && a != b
            })
            .collect();
        let ambiguous = ambiguous_faces
            .iter()
            .map(|&face| {
                let [a, b, c, d] = FACES[face];
                if is_inside(a) {
                    AmbiguousFace { inside: [a, c], outside: [b, d] }
                } else {
                    AmbiguousFace { inside: [b, d], outside: [a, c] }
                }
            })
            .collect();
        let fillings = (0..1_usize << ambiguous_faces.len())
            .map(|decision| {
                let mut next = [None; EDGES];
                for (face, corners) in FACES.iter().enumerate() {
                    let bit = ambiguous_faces.iter().position(|&ambiguous| ambiguous == face);
                    let connected = bit.is_some_and(|bit| decision >> bit & 1 == 1);
                    join_crossings(*corners, is_inside, connected, &mut next);
                }
                fill(&loops(next))
            })
            .collect();
        Pattern { ambiguous, fillings }
    }
}

/// Corners of the six faces, counter-clockwise seen from outside the cell.
const FACES: [[u8; 4]; 6] = [
    [0, 4, 6, 2], // x = 0
    [1, 3, 7, 5], // x = 1
    [0, 1, 5, 4], // y = 0
    [2, 6, 7, 3], // y = 1
    [0, 2, 3, 1], // z = 0
    [4, 5, 7, 6], // z = 1
];

fn edge_between(a: u8, b: u8) -> u8 {
    let [x, y, z] = [0, 1, 2].map(|axis| (a & b) >> axis & 1);
    match a ^ b {
        1 => 8 + y + 2 * z,
        2 => 4 + x + 2 * z,
        _ => x + 2 * y,
    }
}

/// Joins the crossings of one face: each is left towards the one that follows it on its loop.
fn join_crossings(corners: [u8; 4], is_inside: impl Fn(u8) -> bool, connected: bool, next: &mut [Option<u8>; EDGES]) {
    let edge = |i: usize| edge_between(corners[i % 4], corners[(i + 1) % 4]);
    let leaves = |i: usize| is_inside(corners[i % 4]) && !is_inside(corners[(i + 1) % 4]);
    let enters = |i: usize| !is_inside(corners[i % 4]) && is_inside(corners[(i + 1) % 4]);
    for i in (0..4).filter(|&i| leaves(i)) {
        // Going round the face, the partner is the entry ahead if the inside corners are connected (it cuts off the
        // outside between), else the entry behind (it cuts off the inside between).
        let steps = if connected { [1, 2, 3] } else { [3, 2, 1] };
        let entry = steps.into_iter().map(|step| i + step).find(|&j| enters(j));
        let entry = entry.expect("a face that is left is also entered. This is a bug.");
        next[usize::from(edge(entry))] = Some(edge(i));
    }
}

fn loops(mut next: [Option<u8>; EDGES]) -> Vec<Vec<u8>> {
    let mut loops = Vec::new();
    for start in 0..EDGES {
        let mut around = Vec::new();
        let mut edge = start;
        while let Some(following) = next[edge].take() {
            around.push(edge as u8);
            edge = usize::from(following);
        }
        if !around.is_empty() {
            loops.push(around);
        }
    }
    loops
}

fn fill(loops: &[Vec<u8>]) -> Filling {
    let mut filling = Filling::default();
    for around in loops {
        if let Some(triangles) = triangulate(around) {
            filling.triangles.extend(triangles);
        } else {
            let centre = (EDGES + filling.centres.len()) as u8;
            filling.centres.push(around.iter().fold(0, |set, &edge| set | 1 << edge));
            for (i, &edge) in around.iter().enumerate() {
                filling.triangles.push([edge, around[(i + 1) % around.len()], centre]);
            }
        }
    }
    filling
}

/// Cuts a loop into triangles without a chord within a face of the cell, as the reference does if it can be; `None`
/// if there is no such way.
fn triangulate(around: &[u8]) -> Option<Vec<[u8; 3]>> {
    cut(around, &|a, b| is_preferred(around, a, b)).or_else(|| cut(around, &|a, b| !share_a_face(a, b)))
}

/// The first way to cut a loop (or a part of one, between two vertices already joined) with allowed chords only.
fn cut(around: &[u8], is_allowed: &impl Fn(u8, u8) -> bool) -> Option<Vec<[u8; 3]>> {
    let [first, _, .., last] = *around else { return Some(Vec::new()) };
    (1..around.len() - 1).find_map(|middle| {
        let third = around[middle];
        if (middle > 1 && !is_allowed(first, third)) || (middle + 2 < around.len() && !is_allowed(third, last)) {
            return None;
        }
        let mut triangles = cut(&around[..=middle], is_allowed)?;
        triangles.push([first, third, last]);
        triangles.extend(cut(&around[middle..], is_allowed)?);
        Some(triangles)
    })
}

fn share_a_face(a: u8, b: u8) -> bool {
    let on_face = |edge: u8, corners: &[u8; 4]| (0..4).any(|i| edge_between(corners[i], corners[(i + 1) % 4]) == edge);
    FACES.iter().any(|corners| on_face(a, corners) && on_face(b, corners))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The axis (0 = x) of an edge, and the offset of its first point from the cell's first corner.
    fn edge_place(edge: usize) -> (usize, [usize; 3]) {
        let (low, high) = (edge & 1, edge >> 1 & 1);
        match edge / 4 {
            0 => (2, [low, high, 0]),
            1 => (1, [low, 0, high]),
            _ => (0, [0, low, high]),
        }
    }

    #[test]
    fn loops_leave_an_open_rim_only_on_the_faces_of_the_cell() {
        for (pattern, fillings) in PATTERNS.iter().map(|p| &p.fillings).enumerate() {
            for filling in fillings {
                let mut sides: Vec<(u8, u8)> =
                    filling.triangles.iter().flat_map(|&[a, b, c]| [(a, b), (b, c), (c, a)]).collect();
                sides.sort_unstable();
                assert!(sides.windows(2).all(|w| w[0] != w[1]), "pattern {pattern} draws a side twice");
                for &(a, b) in sides.iter().filter(|&&(a, b)| sides.binary_search(&(b, a)).is_err()) {
                    assert!(share_a_face(a, b), "pattern {pattern} leaves an open side inside the cell");
                }
            }
        }
    }

    #[test]
    fn every_crossed_edge_and_no_other_has_a_vertex() {
        for (pattern, p) in PATTERNS.iter().enumerate() {
            let crossed: Vec<u8> = (0..EDGES as u8)
                .filter(|&edge| {
                    let (axis, [x, y, z]) = edge_place(usize::from(edge));
                    let first = x + 2 * y + 4 * z;
                    (pattern >> first & 1) != (pattern >> (first + (1 << axis)) & 1)
                })
                .collect();
            for filling in &p.fillings {
                let mut used: Vec<u8> = filling.triangles.iter().flatten().copied().collect();
                used.retain(|&edge| usize::from(edge) < EDGES);
                used.sort_unstable();
                used.dedup();
                assert_eq!(used, crossed, "pattern {pattern}");
            }
        }
    }

    #[test]
    fn plain_cells_have_the_known_number_of_triangles() {
        let triangles = |pattern: usize| PATTERNS[pattern].fillings[0].triangles.len();
        assert_eq!(triangles(0b0000_0000), 0);
        assert_eq!(triangles(0b0000_0001), 1);
        assert_eq!(triangles(0b0000_0011), 2);
        assert_eq!(triangles(0b0000_1111), 2);
        assert_eq!(triangles(0b1111_1111), 0);
        assert_eq!(PATTERNS[0b0110_1001].ambiguous.len(), 6);
        assert_eq!(PATTERNS[0b0110_1001].fillings.len(), 64);
        assert_eq!(PATTERNS[0b0110_1001].fillings[0].triangles.len(), 4, "four corners cut off");
    }
}

//! The diagonals that the reference draws in unambiguous cells.
//!
//! A loop of four, five or six vertices can be cut into triangles in several ways that differ a little in area and
//! volume where the field is coarse. These are the ways of Lewiner's tables, so that surfaces agree with meshes that
//! were made with them. Loops of ambiguous cells are not listed.

/// Diagonals of the loops of four vertices; each loop has one that is listed.
const OF_FOUR: [[u8; 2]; 15] = [
    [0, 7],
    [0, 9],
    [1, 2],
    [1, 4],
    [1, 11],
    [2, 5],
    [2, 10],
    [3, 6],
    [3, 8],
    [4, 7],
    [4, 11],
    [5, 10],
    [6, 8],
    [7, 9],
    [8, 11],
];

/// Diagonals of the loops of five vertices; each loop has one pair that is listed.
const OF_FIVE: [[u8; 2]; 18] = [
    [0, 3],
    [0, 5],
    [0, 11],
    [1, 2],
    [1, 6],
    [1, 9],
    [2, 7],
    [2, 8],
    [3, 4],
    [3, 10],
    [4, 7],
    [4, 10],
    [5, 6],
    [5, 11],
    [6, 9],
    [7, 8],
    [8, 11],
    [9, 10],
];

/// Loops of six vertices, as sorted edges, and their three diagonals.
const OF_SIX: [([u8; 6], [[u8; 2]; 3]); 16] = [
    ([0, 1, 4, 7, 9, 11], [[0, 7], [0, 9], [7, 9]]),
    ([0, 1, 5, 6, 9, 11], [[1, 6], [1, 9], [6, 9]]),
    ([0, 2, 5, 7, 8, 11], [[2, 7], [2, 8], [7, 8]]),
    ([0, 2, 5, 7, 9, 10], [[2, 5], [2, 10], [5, 10]]),
    ([0, 3, 4, 5, 10, 11], [[0, 5], [0, 11], [5, 11]]),
    ([0, 3, 4, 7, 9, 10], [[0, 3], [0, 7], [3, 4]]),
    ([0, 3, 5, 6, 8, 11], [[5, 6], [5, 11], [6, 8]]),
    ([0, 3, 6, 7, 8, 9], [[0, 7], [0, 9], [7, 9]]),
    ([1, 2, 4, 5, 10, 11], [[2, 5], [2, 10], [5, 10]]),
    ([1, 2, 4, 7, 8, 11], [[1, 4], [2, 7], [4, 7]]),
    ([1, 2, 5, 6, 9, 10], [[1, 9], [2, 10], [9, 10]]),
    ([1, 2, 6, 7, 8, 9], [[2, 7], [2, 8], [7, 8]]),
    ([1, 3, 4, 6, 8, 11], [[3, 6], [3, 8], [6, 8]]),
    ([1, 3, 4, 6, 9, 10], [[3, 4], [3, 10], [4, 10]]),
    ([2, 3, 4, 7, 8, 10], [[2, 7], [2, 8], [7, 8]]),
    ([2, 3, 5, 6, 8, 10], [[3, 6], [3, 8], [6, 8]]),
];

/// Whether the reference joins two vertices of a loop.
pub(super) fn is_preferred(around: &[u8], a: u8, b: u8) -> bool {
    let diagonal = [a.min(b), a.max(b)];
    match around.len() {
        4 => OF_FOUR.contains(&diagonal),
        5 => OF_FIVE.contains(&diagonal),
        6 => OF_SIX
            .iter()
            .any(|(edges, diagonals)| diagonals.contains(&diagonal) && around.iter().all(|edge| edges.contains(edge))),
        _ => false,
    }
}

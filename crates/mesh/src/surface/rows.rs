//! One bit per grid point, packed along z, and the numbering of edge crossings that follows from it.

use rayon::prelude::*;

use super::Grid;

/// Bits of a grid: row (x, y) holds `words` words, bit z % 64 of word z / 64 is point z.
pub(super) struct Rows {
    shape: [usize; 3],
    words: usize,
    inside: Vec<u64>,
    /// `None` when every value is finite, which is the common, dense case.
    known: Option<Vec<u64>>,
}

/// A row's bits, readable past its end.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    inside: &'a [u64],
    known: Option<&'a [u64]>,
}

impl Row<'_> {
    /// Inside bits of word `k`.
    pub(super) fn inside(&self, k: usize) -> u64 {
        self.inside.get(k).copied().unwrap_or(0)
    }

    fn known(&self, k: usize) -> u64 {
        self.known.map_or(u64::MAX, |known| known.get(k).copied().unwrap_or(0))
    }

    /// Bits z of word `k` where the edge from point z to z + 1 of this row carries a vertex. The caller masks the
    /// last point, which has no next one ([`Rows::has_next`]).
    pub(super) fn crossings_along(&self, k: usize) -> u64 {
        (self.inside(k) ^ next_point(self.inside(k), self.inside(k + 1)))
            & self.known(k)
            & next_point(self.known(k), self.known(k + 1))
    }

    /// Bits z of word `k` where the edge from this row to another, at z, carries a vertex.
    pub(super) fn crossings_to(&self, other: &Row<'_>, k: usize) -> u64 {
        (self.inside(k) ^ other.inside(k)) & self.known(k) & other.known(k)
    }
}

/// The word as seen from one point further on: bit z of the result is bit z + 1.
pub(super) fn next_point(word: u64, following: u64) -> u64 {
    word >> 1 | following << 63
}

impl Rows {
    /// Classifies every point: inside = value > level, known = finite.
    pub(super) fn classify(grid: &Grid<'_>, level: f32) -> Self {
        let [nx, ny, nz] = grid.shape;
        let words = nz.div_ceil(64);
        let mut inside = vec![0; nx * ny * words];
        let rows = inside.par_chunks_mut(words).with_min_len(256).zip(grid.values.par_chunks(nz));
        let all_known = rows
            .map(|(bits, values)| {
                let mut finite = true;
                for (word, values) in bits.iter_mut().zip(values.chunks(64)) {
                    *word = pack(values, |v| v > level);
                    finite &= values.iter().fold(true, |all, v| all & v.is_finite());
                }
                finite
            })
            .reduce(|| true, |a, b| a & b);
        let known = (!all_known).then(|| {
            let mut known = vec![0; nx * ny * words];
            let rows = known.par_chunks_mut(words).with_min_len(256).zip(grid.values.par_chunks(nz));
            rows.for_each(|(bits, values)| {
                for (word, values) in bits.iter_mut().zip(values.chunks(64)) {
                    *word = pack(values, f32::is_finite);
                }
            });
            known
        });
        Rows { shape: grid.shape, words, inside, known }
    }

    /// Words per row.
    pub(super) fn words(&self) -> usize {
        self.words
    }

    /// Whether every value of the grid is finite.
    pub(super) fn all_known(&self) -> bool {
        self.known.is_none()
    }

    /// The row at (x, y).
    pub(super) fn row(&self, x: usize, y: usize) -> Row<'_> {
        let start = (x * self.shape[1] + y) * self.words;
        let range = start..start + self.words;
        Row { inside: &self.inside[range.clone()], known: self.known.as_ref().map(|known| &known[range]) }
    }

    /// The bits of word `k` that have a following point in the row: cells and edges along z.
    pub(super) fn has_next(&self, k: usize) -> u64 {
        let edges = (self.shape[2] - 1).saturating_sub(64 * k);
        if edges >= 64 { u64::MAX } else { (1 << edges) - 1 }
    }
}

fn pack(values: &[f32], bit: impl Fn(f32) -> bool) -> u64 {
    values.iter().enumerate().fold(0, |word, (z, &v)| word | u64::from(bit(v)) << z)
}

//! The lookup tables of a shape and a lattice: everything that is a sum of one table row per axis.
//!
//! Up to `ln_1` and `q_norm` a query is linear in its point's Fourier features, hence such a sum (see `lattice`), and so
//! are its products with the keys. The norms contribute two scales per point and head:
//!
//! ```text
//! q = s u + o          u: sum of rows, s: scale of ln_1, o: constant
//! q' = C(q) r g + b    C: less its mean over the head, r: scale of q_norm, g and b: its gain and shift
//! q'.k = (s u.A + o.A) r + b.k      A = C(g k)
//! ```

use std::arch::x86_64::*;

use tch::{Kind, Tensor};

use super::lanes::{LANES, POINTS, Row, transpose_into};
use super::product::Matrix;
use super::{PointDecoder, floats};
use crate::vae::{Lattice, ShapeKeyValues};

/// The rows of a point, one per axis, in tables that hold the axes one after the other.
pub(super) type Place = [usize; 3];

/// A table row per coordinate of each axis; what a point has is the sum of its three rows.
#[derive(Debug)]
pub(super) struct AxisRows {
    /// Vectors of a row; the last is filled up with zeros.
    vectors: usize,
    values: Vec<[f32; LANES]>,
}

impl AxisRows {
    /// From tables [n, w], one for each axis.
    fn new(axes: &[Tensor]) -> AxisRows {
        let table = Tensor::cat(axes, 0);
        let width = table.size()[1] as usize;
        let vectors = width.div_ceil(LANES);
        let padded = table.constant_pad_nd([0, (vectors * LANES - width) as i64]);
        AxisRows { vectors, values: floats(&padded).as_chunks().0.to_vec() }
    }

    /// Rows that [`AxisRows::gather`] fills.
    pub(super) fn len(&self) -> usize {
        self.vectors * LANES
    }

    /// The sums of a tile's points, a row for each feature.
    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(super) fn gather(&self, places: &[Place; POINTS], out: &mut [Row]) {
        for block in 0..self.vectors {
            transpose_into(out, block, |point| {
                let [x, y, z] = places[point].map(|row| {
                    // SAFETY: the place is that of a whole vector.
                    unsafe { _mm512_loadu_ps(self.values[row * self.vectors + block].as_ptr()) }
                });
                _mm512_add_ps(_mm512_add_ps(x, y), z)
            });
        }
    }
}

/// The tables of one head.
#[derive(Debug)]
pub(super) struct HeadTables {
    /// `u`, of which the scale of `q_norm` is found; none without that norm.
    pub(super) query: Option<AxisRows>,
    /// `o` of the head's features.
    pub(super) offset: Vec<f32>,
    /// `u.A` of each key.
    pub(super) scores: AxisRows,
    /// `o.A` and `b.k / sqrt d` of each key.
    pub(super) score_terms: Vec<[f32; 2]>,
    /// Weights of the keys to features.
    pub(super) values: Matrix,
}

/// The tables of one shape on one lattice.
#[derive(Debug)]
pub(crate) struct ShapeTables {
    pub(super) sizes: [usize; 3],
    pub(super) residual: AxisRows,
    pub(super) heads: Vec<HeadTables>,
}

impl ShapeTables {
    pub(super) fn new(decoder: &PointDecoder, lattice: &Lattice, shape: &ShapeKeyValues) -> ShapeTables {
        let [queries, offset] =
            [&Tensor::cat(lattice.query_tables(), 0), lattice.query_offset()].map(|t| t.to_kind(Kind::Double));
        let d = decoder.head_dim;
        let heads = (0..decoder.heads).map(|head| {
            let [k, v] = [&shape.keys, &shape.values].map(|t| t.get(0).get(head).to_kind(Kind::Double)); // [N, d]
            let (u, o) = (queries.narrow(1, head * d, d), offset.narrow(0, head * d, d));
            let (a, shift) = match &decoder.q_norm {
                Some((gain, shift)) => {
                    let scaled = &k * gain;
                    (&scaled - scaled.mean_dim(1, true, Kind::Double), k.mv(shift) / (d as f64).sqrt())
                }
                None => (k.copy(), k.select(1, 0) * 0.0),
            };
            HeadTables {
                scores: AxisRows::new(&[u.matmul(&a.transpose(0, 1))]),
                query: decoder.q_norm.is_some().then(|| AxisRows::new(&[u])),
                score_terms: floats(&Tensor::stack(&[a.mv(&o), shift], 1)).as_chunks().0.to_vec(),
                offset: floats(&o),
                values: Matrix::new(&v.transpose(0, 1)),
            }
        });
        ShapeTables {
            sizes: lattice.sizes().map(|n| n as usize),
            residual: AxisRows::new(lattice.residual_tables()),
            heads: heads.collect(),
        }
    }

    /// The rows of the lattice point with this row-major index.
    pub(super) fn place(&self, index: usize) -> Place {
        let [nx, ny, nz] = self.sizes;
        let (line, k) = (index / nz, index % nz);
        [line / ny, nx + line % ny, nx + ny + k]
    }
}

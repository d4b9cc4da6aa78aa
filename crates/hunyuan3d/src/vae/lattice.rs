//! Queries of lattice points, the hot path of the geometry decoder.
//!
//! A lattice point's Fourier features are three independent parts, one per axis, and everything up to the query
//! projection is linear but for one scalar per point, the norm of `ln_1`. So the features, `query_proj`, `ln_1` and
//! `c_q` of all points become sums of three table rows (one table per axis, a row per coordinate), and that scalar a
//! sum of three entries of tables over pairs of axes. No point costs a sine or a matrix product before its attention.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::fourier::FourierEmbedding;
use crate::error::Error;
use crate::weights::Weights;

/// `query_proj`, `ln_1` and `c_q` as one affine map of the Fourier features up to the norm's scale; all float64.
#[derive(Debug)]
pub(super) struct QueryMap {
    /// [F', w] and `[w]`: features to the residual stream, with the bias that the attention's output will add.
    residual: (Tensor, Tensor),
    /// [F', w] and `[w]`: features to the residual stream less its mean.
    centred: (Tensor, Tensor),
    /// [F', w] and `[w]`: features to `c_q(ln_1(.))` before the scale.
    query: (Tensor, Tensor),
    /// `[w]`: the part that is not scaled.
    query_offset: Tensor,
    eps: f64,
}

impl QueryMap {
    /// From the geometry decoder's weights, `w` features wide.
    pub(super) fn new(w: &Weights, features: i64, width: i64, qkv_bias: bool, eps: f64) -> Result<QueryMap, Error> {
        let w = &w.with_kind(Kind::Double);
        let weight = w.tensor("query_proj.weight", &[width, features])?;
        let bias = w.tensor("query_proj.bias", &[width])?;
        let block = &(w / "cross_attn_decoder");
        let gain = block.tensor("ln_1.weight", &[width])?;
        let shift = block.tensor("ln_1.bias", &[width])?;
        let c_q = block.tensor("attn.c_q.weight", &[width, width])?;
        let c_proj_bias = block.tensor("attn.c_proj.bias", &[width])?;

        let centred = (&weight - weight.mean_dim(0, true, Kind::Double), &bias - bias.mean(Kind::Double));
        let scaled = &c_q * &gain; // columns times the norm's gain
        let mut query_offset = c_q.mv(&shift);
        if qkv_bias {
            query_offset += block.tensor("attn.c_q.bias", &[width])?;
        }
        Ok(QueryMap {
            query: (scaled.matmul(&centred.0).transpose(0, 1).contiguous(), scaled.mv(&centred.1)),
            residual: (weight.transpose(0, 1).contiguous(), bias + c_proj_bias),
            centred: (centred.0.transpose(0, 1).contiguous(), centred.1),
            query_offset,
            eps,
        })
    }

    /// Tables for the lattice with these coordinates (float32 `[n]` each), in `kind`.
    pub(super) fn lattice(&self, fourier: &FourierEmbedding, axes: &[Tensor; 3], kind: Kind) -> Lattice {
        let parts: [(Tensor, Tensor); 3] = std::array::from_fn(|axis| {
            let columns = Tensor::from_slice(&fourier.axis_features(axis as i64)).to_device(fourier.device());
            (fourier.axis(&axes[axis]).to_kind(Kind::Double), columns)
        });
        let table = |(weight, bias): &(Tensor, Tensor), axis: usize| {
            let (features, columns) = &parts[axis];
            let table = features.matmul(&weight.index_select(0, columns));
            if axis == 0 { table + bias } else { table }
        };
        let [x, y, z] = std::array::from_fn(|axis| table(&self.centred, axis));
        let width = x.size()[1] as f64;
        let square = |t: &Tensor| t.square().sum_dim_intlist(1, false, Kind::Double);
        let product = |a: &Tensor, b: &Tensor| a.matmul(&b.transpose(0, 1)) * 2.0;
        let sizes = [&x, &y, &z].map(|t| t.size()[0]);
        Lattice {
            residual: AxisTables::new(std::array::from_fn(|axis| table(&self.residual, axis).to_kind(kind))),
            query: AxisTables::new(std::array::from_fn(|axis| table(&self.query, axis).to_kind(kind))),
            query_offset: self.query_offset.to_kind(kind),
            variance: [
                (product(&x, &y) + square(&x).unsqueeze(1) + square(&y).unsqueeze(0)) / width,
                (product(&x, &z) + square(&z).unsqueeze(0)) / width,
                product(&y, &z) / width,
            ],
            eps: self.eps,
            sizes,
            device: fourier.device(),
        }
    }
}

/// One table per axis, [n, w] each, and all of them stacked.
#[derive(Debug)]
struct AxisTables {
    axes: [Tensor; 3],
    stacked: Tensor,
}

impl AxisTables {
    fn new(axes: [Tensor; 3]) -> AxisTables {
        AxisTables { stacked: Tensor::cat(&axes, 0), axes }
    }

    /// Sums of rows for z-lines: `i`, `j` `[m]` -> [m nz, w].
    fn lines(&self, i: &Tensor, j: &Tensor) -> Tensor {
        let [x, y, z] = &self.axes;
        ((x.index_select(0, i) + y.index_select(0, j)).unsqueeze(1) + z).flatten(0, 1)
    }

    /// Sums of rows for points: `rows` [3 P], three rows of `stacked` a point -> [P, w].
    fn points(&self, rows: &Tensor, offsets: &Tensor) -> Tensor {
        Tensor::embedding_bag::<&Tensor>(&self.stacked, rows, offsets, false, SUM, false, None, false).0
    }
}

/// Reduction of `embedding_bag`.
const SUM: i64 = 0;

/// The queries of every point of a lattice, as tables.
#[derive(Debug)]
pub(crate) struct Lattice {
    residual: AxisTables,
    query: AxisTables,
    query_offset: Tensor,
    /// Variance of the residual stream as a sum over axis pairs xy, xz, yz; float64, as the terms cancel.
    variance: [Tensor; 3],
    eps: f64,
    sizes: [i64; 3],
    device: Device,
}

/// Queries of some points: the residual stream [P, w], and the projected queries before cutting into heads [P, w].
#[derive(Debug)]
pub(crate) struct Queries {
    pub(crate) residual: Tensor,
    pub(crate) query: Tensor,
}

impl Lattice {
    /// Points per axis.
    pub(crate) fn sizes(&self) -> [i64; 3] {
        self.sizes
    }

    /// Tables [n, w] of the residual stream, one per axis.
    #[cfg_attr(not(feature = "avx512"), expect(dead_code, reason = "only the fused decoder reads tables"))]
    pub(super) fn residual_tables(&self) -> &[Tensor; 3] {
        &self.residual.axes
    }

    /// Tables [n, w] of the projected queries before the scale of `ln_1`, one per axis.
    #[cfg_attr(not(feature = "avx512"), expect(dead_code, reason = "only the fused decoder reads tables"))]
    pub(super) fn query_tables(&self) -> &[Tensor; 3] {
        &self.query.axes
    }

    /// The part of the projected queries that is not scaled, `[w]`.
    #[cfg_attr(not(feature = "avx512"), expect(dead_code, reason = "only the fused decoder reads tables"))]
    pub(super) fn query_offset(&self) -> &Tensor {
        &self.query_offset
    }

    /// The points of z-lines `range` (line = i * ny + j), in row-major order.
    pub(crate) fn lines(&self, range: Range<i64>) -> Queries {
        let line = Tensor::arange_start(range.start, range.end, (Kind::Int64, self.device));
        let i = line.divide_scalar_mode(self.sizes[1], "floor");
        let j = line.remainder(self.sizes[1]);
        let [xy, xz, yz] = &self.variance;
        let variance = (xz.index_select(0, &i) + yz.index_select(0, &j) + xy.index(&[Some(&i), Some(&j)]).unsqueeze(1))
            .flatten(0, 1);
        self.assemble(self.residual.lines(&i, &j), self.query.lines(&i, &j), &variance)
    }

    /// The points with these row-major indices (int64 `[P]`).
    pub(crate) fn points(&self, index: &Tensor) -> Queries {
        let [nx, ny, nz] = self.sizes;
        let k = index.remainder(nz);
        let line = index.divide_scalar_mode(nz, "floor");
        let j = line.remainder(ny);
        let i = line.divide_scalar_mode(ny, "floor");
        let [xy, xz, yz] = &self.variance;
        let variance = xy.take(&line) + xz.take(&(&i * nz + &k)) + yz.take(&(&j * nz + &k));
        let rows = Tensor::stack(&[i, j + nx, k + (nx + ny)], 1).view(-1);
        let offsets = Tensor::arange_start_step(0, rows.size()[0], 3, (Kind::Int64, self.device));
        self.assemble(self.residual.points(&rows, &offsets), self.query.points(&rows, &offsets), &variance)
    }

    fn assemble(&self, residual: Tensor, unscaled: Tensor, variance: &Tensor) -> Queries {
        let scale = (variance.clamp_min(0.0) + self.eps).rsqrt().to_kind(unscaled.kind()).unsqueeze(1);
        Queries { residual, query: self.query_offset.addcmul(&unscaled, &scale) }
    }
}

//! The layers on one tile of points.

use super::PointDecoder;
use super::lanes::{POINTS, Row, moments};
use super::tables::{HeadTables, Place, ShapeTables};

/// Epsilon of the norms within the block, and of the one before the output.
const EPS: f32 = 1e-6;
const EPS_POST: f32 = 1e-5;

/// A tile's intermediate results, a row for each feature.
pub(super) struct Scratch {
    /// The residual stream.
    x: Vec<Row>,
    /// The stream, normalised; a head's query.
    normed: Vec<Row>,
    /// A head's attention weights.
    weights: Vec<Row>,
    /// The result of attention.
    attention: Vec<Row>,
    hidden: Vec<Row>,
}

impl Scratch {
    pub(super) fn new(decoder: &PointDecoder, tables: &ShapeTables) -> Scratch {
        // SAFETY: there is a decoder only where there is AVX-512.
        let rows = |n: usize| vec![unsafe { Row::splat(0.0) }; n];
        let most = |of: fn(&HeadTables) -> usize| tables.heads.iter().map(of).max().unwrap_or(0);
        let width = tables.residual.len();
        Scratch {
            x: rows(width),
            normed: rows(width.max(most(|head| head.query.as_ref().map_or(0, |query| query.len())))),
            weights: rows(most(|head| head.scores.len())),
            attention: rows(width),
            hidden: rows(decoder.c_fc.1.len()),
        }
    }
}

impl PointDecoder {
    /// Logits of the points at these places.
    #[target_feature(enable = "avx512f")]
    pub(super) fn tile(&self, tables: &ShapeTables, places: &[Place; POINTS], s: &mut Scratch) -> [f32; POINTS] {
        let width = self.c_proj_bias.len();
        tables.residual.gather(places, &mut s.x);
        let x = &mut s.x[..width];
        let normed = &mut s.normed;
        for ((row, &x), &bias) in normed.iter_mut().zip(&*x).zip(&self.c_proj_bias) {
            *row = x.sub(Row::splat(bias));
        }
        let (_, scale) = moments(&normed[..width], EPS); // of ln_1

        let d = self.head_dim as usize;
        for (h, head) in tables.heads.iter().enumerate() {
            let by_sum = head.attention_weights(places, scale, normed, &mut s.weights);
            let keys = &s.weights[..head.score_terms.len()];
            let attention = &mut s.attention[h * d..(h + 1) * d];
            head.values.multiply(keys, |o, sum| attention[o] = sum.mul(by_sum));
        }
        self.c_proj.multiply(&s.attention[..width], |o, sum| x[o] = x[o].add(sum));

        let normed = &mut normed[..width];
        let (mean, scale) = moments(x, EPS);
        for (row, &x) in normed.iter_mut().zip(&*x) {
            *row = x.sub(mean).mul(scale);
        }
        let (c_fc, bias) = &self.c_fc;
        c_fc.multiply(normed, |o, sum| s.hidden[o] = sum.add(Row::splat(bias[o])).gelu());
        let (proj, bias) = &self.mlp_proj;
        proj.multiply(&s.hidden, |o, sum| x[o] = x[o].add(sum).add(Row::splat(bias[o])));
        self.outputs(x).to_array()
    }

    /// `output_proj`, after `ln_post` if there is one.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn outputs(&self, x: &[Row]) -> Row {
        let (weights, bias) = &self.output;
        let (mean, scale) = if self.ln_post { moments(x, EPS_POST) } else { (Row::splat(0.0), Row::splat(1.0)) };
        let mut sum = Row::splat(0.0);
        for (&x, &weight) in x.iter().zip(weights) {
            sum = x.sub(mean).mul_add(Row::splat(weight), sum);
        }
        sum.mul_add(scale, Row::splat(*bias))
    }
}

impl HeadTables {
    /// Sets `weights` to the exponentials of the queries' scores, a row for each key, and returns 1 / their sum.
    /// `scale` is that of `ln_1`; `query` is overwritten.
    #[target_feature(enable = "avx512f")]
    #[inline]
    fn attention_weights(&self, places: &[Place; POINTS], scale: Row, query: &mut [Row], weights: &mut [Row]) -> Row {
        let d = self.offset.len();
        let mut of_offset = Row::splat(1.0 / (d as f32).sqrt());
        if let Some(table) = &self.query {
            table.gather(places, query);
            let query = &mut query[..d];
            for (row, &offset) in query.iter_mut().zip(&self.offset) {
                *row = row.mul_add(scale, Row::splat(offset));
            }
            of_offset = of_offset.mul(moments(query, EPS).1);
        }
        let of_sum = of_offset.mul(scale);
        self.scores.gather(places, weights);
        let weights = &mut weights[..self.score_terms.len()];
        let mut greatest = Row::splat(f32::NEG_INFINITY);
        for (row, &[offset, shift]) in weights.iter_mut().zip(&self.score_terms) {
            *row = row.mul_add(of_sum, of_offset.mul_add(Row::splat(offset), Row::splat(shift)));
            greatest = greatest.max(*row);
        }
        let mut sum = Row::splat(0.0);
        for row in weights {
            *row = row.sub(greatest).exp();
            sum = sum.add(*row);
        }
        Row::splat(1.0).div(sum)
    }
}

//! The geometry decoder from a lattice point to its logit in one pass, for small models on processors with AVX-512.
//!
//! As a dozen tensor operations, a small decoder spends half its time between the matrix products: packing their operands,
//! reading and writing memory in norms and activations, and multiplying queries with keys, which on a lattice are sums of
//! table rows. Here a tile of points passes through all layers while it is in the cache; only the weights, which must fit
//! into the cache too, are read again for every tile.
//!
//! Results equal those of the tensor operations up to rounding. Larger models, other number types and other processors use
//! the tensor operations. See decision 0013.

mod lanes;
mod product;
mod tables;
mod tile;

use checkpoint::config::VaeConfig;
use tch::{Device, Kind, Tensor};

use self::lanes::POINTS;
use self::product::{Matrix, after_affine};
pub(crate) use self::tables::ShapeTables;
use self::tile::Scratch;
use super::{Lattice, ShapeKeyValues};
use crate::error::Error;
use crate::weights::Weights;

/// Most bytes of weights and values that a tile may read: they should stay in a core's second cache.
const MOST_BYTES: i64 = 1 << 20;

/// The layers after the query projection, packed.
#[derive(Debug)]
pub(crate) struct PointDecoder {
    heads: i64,
    head_dim: i64,
    tokens: i64,
    /// Gain and shift of the queries' norm, float64.
    q_norm: Option<(Tensor, Tensor)>,
    /// The part of the residual stream that does not go into `ln_1`: the bias of `c_proj`.
    c_proj_bias: Vec<f32>,
    c_proj: Matrix,
    /// After `ln_3`.
    c_fc: (Matrix, Vec<f32>),
    mlp_proj: (Matrix, Vec<f32>),
    /// Whether the stream is normalised before the output.
    ln_post: bool,
    output: (Vec<f32>, f32),
}

impl PointDecoder {
    /// From the weights under `geo_decoder`; `None` where the tensor operations are to be used.
    ///
    /// # Errors
    /// [`Error::Weights`] if a tensor is missing or misshapen.
    pub(super) fn new(w: &Weights, config: &VaeConfig) -> Result<Option<PointDecoder>, Error> {
        let width = config.geo_decoder_width();
        let hidden = config.geo_decoder_mlp_expand_ratio * width;
        let weights = width * (width + 2 * hidden + config.num_latents);
        let fits = weights * size_of::<f32>() as i64 <= MOST_BYTES;
        let here = w.device() == Device::Cpu && w.kind() == Kind::Float;
        if !(fits && here && is_x86_feature_detected!("avx512f")) {
            return Ok(None);
        }
        let w = &w.with_kind(Kind::Double);
        let head_dim = width / config.geo_decoder_heads();
        let block = &(w / "cross_attn_decoder");
        let affine = |place: Weights, n: i64| -> Result<_, Error> {
            Ok((place.tensor("weight", &[n])?, place.tensor("bias", &[n])?))
        };
        let linear = |place: Weights, input: i64, output: i64| -> Result<_, Error> {
            Ok((place.tensor("weight", &[output, input])?, place.tensor("bias", &[output])?))
        };
        let packed = |(weight, bias): (Tensor, Tensor)| (Matrix::new(&weight), floats(&bias));
        let (c_proj, c_proj_bias) = packed(linear(block / "attn" / "c_proj", width, width)?);
        let ln_3 = affine(block / "ln_3", width)?;
        let c_fc = linear(block / "mlp" / "c_fc", width, hidden)?;
        let mut output = linear(w / "output_proj", width, 1)?;
        if config.geo_decoder_ln_post {
            let ln_post = affine(w / "ln_post", width)?;
            output = after_affine(&output.0, &output.1, &ln_post.0, &ln_post.1);
        }
        let q_norm = config.geo_decoder_qk_norm().then(|| affine(block / "attn" / "attention" / "q_norm", head_dim));
        Ok(Some(PointDecoder {
            heads: config.geo_decoder_heads(),
            head_dim,
            tokens: config.num_latents,
            q_norm: q_norm.transpose()?,
            c_proj_bias,
            c_proj,
            c_fc: packed(after_affine(&c_fc.0, &c_fc.1, &ln_3.0, &ln_3.1)),
            mlp_proj: packed(linear(block / "mlp" / "c_proj", hidden, width)?),
            ln_post: config.geo_decoder_ln_post,
            output: (floats(&output.0), output.1.double_value(&[0]) as f32),
        }))
    }

    /// The tables of a shape on a lattice; `None` if it has more tokens than the model's, for which there is no room.
    pub(super) fn tables(&self, lattice: &Lattice, shape: &ShapeKeyValues) -> Option<ShapeTables> {
        (shape.keys.size()[2] <= self.tokens).then(|| ShapeTables::new(self, lattice, shape))
    }

    /// Logits of the lattice points with these row-major indices.
    pub(crate) fn logits(&self, tables: &ShapeTables, index: &[i64]) -> Vec<f32> {
        let mut scratch = Scratch::new(self, tables);
        let mut logits = Vec::with_capacity(index.len());
        for tile in index.chunks(POINTS) {
            // A last, shorter tile is filled up with its last point.
            let place = |n: usize| tables.place(tile[n.min(tile.len() - 1)] as usize);
            // SAFETY: there is a decoder only where there is AVX-512.
            let values = unsafe { self.tile(tables, &std::array::from_fn(place), &mut scratch) };
            logits.extend_from_slice(&values[..tile.len()]);
        }
        logits
    }
}

/// A tensor's values as float32, in row-major order.
fn floats(tensor: &Tensor) -> Vec<f32> {
    let tensor = tensor.to_kind(Kind::Float).contiguous();
    let mut values = vec![0.0; tensor.numel()];
    tensor.copy_data(&mut values, tensor.numel());
    values
}

//! The geometry decoder (specification section 9.3): a shape's tokens and points to occupancy logits.

use checkpoint::config::VaeConfig;
use tch::{Device, Kind, Tensor};

use super::attention::{BlockConfig, CrossAttentionBlock};
use super::fourier::FourierEmbedding;
use super::fused::{PointDecoder, ShapeTables};
use super::lattice::{Lattice, Queries, QueryMap};
use crate::error::Error;
use crate::layers::{LayerNorm, Linear, merge_heads, scaled_dot_product_attention};
use crate::probe::Probe;
use crate::weights::Weights;

/// The keys and values of a batch of shapes, [B, h, N, d], computed once per shape.
#[derive(Debug)]
pub struct LatentKeyValues {
    keys: Tensor,
    values: Tensor,
}

impl LatentKeyValues {
    /// Shapes in the batch.
    pub fn len(&self) -> usize {
        self.keys.size()[0] as usize
    }

    /// Whether there is no shape.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One shape of the batch: keys and values [1, h, N, d].
    pub(crate) fn shape(&self, row: usize) -> ShapeKeyValues {
        ShapeKeyValues { keys: self.keys.narrow(0, row as i64, 1), values: self.values.narrow(0, row as i64, 1) }
    }
}

/// Keys and values of one shape, [1, h, N, d].
#[derive(Debug)]
pub(crate) struct ShapeKeyValues {
    pub(crate) keys: Tensor,
    pub(crate) values: Tensor,
}

/// Points to logits, positive inside, by attention to a shape's tokens.
#[derive(Debug)]
pub struct GeometryDecoder {
    fourier: FourierEmbedding,
    query_proj: Linear,
    latents_proj: Option<Linear>,
    cross_attn_decoder: CrossAttentionBlock,
    ln_post: Option<LayerNorm>,
    output_proj: Linear,
    query_map: QueryMap,
    point_decoder: Option<PointDecoder>,
    kind: Kind,
}

impl GeometryDecoder {
    /// From the weights under `geo_decoder`.
    pub(crate) fn new(w: &Weights, config: &VaeConfig) -> Result<GeometryDecoder, Error> {
        let width = config.geo_decoder_width();
        let block = BlockConfig {
            width,
            heads: config.geo_decoder_heads(),
            qkv_bias: config.qkv_bias,
            qk_norm: config.geo_decoder_qk_norm(),
            mlp_expand: config.geo_decoder_mlp_expand_ratio,
        };
        let features = config.fourier_width();
        let latents_proj = (width != config.width).then(|| Linear::new(w / "latents_proj", config.width, width, true));
        let ln_post = config.geo_decoder_ln_post.then(|| LayerNorm::new(w / "ln_post", width, 1e-5));
        Ok(GeometryDecoder {
            fourier: FourierEmbedding::new(config.num_freqs, config.include_pi, w.device()),
            query_proj: Linear::new(w / "query_proj", features, width, true)?,
            latents_proj: latents_proj.transpose()?,
            cross_attn_decoder: CrossAttentionBlock::new(&(w / "cross_attn_decoder"), block)?,
            ln_post: ln_post.transpose()?,
            output_proj: Linear::new(w / "output_proj", width, 1, true)?,
            query_map: QueryMap::new(w, features, width, config.qkv_bias, 1e-6)?,
            point_decoder: PointDecoder::new(w, config)?,
            kind: w.kind(),
        })
    }

    /// Device of the weights.
    pub fn device(&self) -> Device {
        self.fourier.device()
    }

    /// Bytes that the largest intermediate results of one query point take.
    pub(crate) fn bytes_per_point(&self) -> i64 {
        let config = &self.cross_attn_decoder.config;
        (config.mlp_expand + 4) * config.width * self.kind.elt_size_in_bytes() as i64
    }

    /// Attention heads h.
    pub fn heads(&self) -> i64 {
        self.cross_attn_decoder.config.heads
    }

    /// Keys and values of decoded latents [B, N, W]. Shows `latents_proj`.
    pub fn latent_key_values(&self, decoded: &Tensor, probe: Probe<'_>) -> LatentKeyValues {
        let data = self.latents_proj.as_ref().map(|proj| proj.forward(decoded));
        if let Some(data) = &data {
            probe.see(format_args!("latents_proj"), data);
        }
        let (keys, values) = self.cross_attn_decoder.keys_values(data.as_ref().unwrap_or(decoded));
        LatentKeyValues { keys, values }
    }

    /// Logits of any `points` [B, P, 3] -> [B, P, 1], float32. Shows `query_fourier`, `query_proj`, `cross_attn`,
    /// `cross_block`, `ln_post`. Whole lattices go through `volume`, which does the same with less work.
    pub fn forward(&self, points: &Tensor, latents: &LatentKeyValues, probe: Probe<'_>) -> Tensor {
        let features = self.fourier.forward(points);
        probe.see(format_args!("query_fourier"), &features);
        let x = self.query_proj.forward(&features.to_kind(self.kind)); // [B, P, w]
        probe.see(format_args!("query_proj"), &x);
        let x = self.cross_attn_decoder.forward(&x, (&latents.keys, &latents.values), probe);
        probe.see(format_args!("cross_block"), &x);
        let x = match &self.ln_post {
            Some(norm) => norm.forward(&x),
            None => x,
        };
        if self.ln_post.is_some() {
            probe.see(format_args!("ln_post"), &x);
        }
        self.output_proj.forward(&x).to_kind(Kind::Float)
    }

    /// The queries of a lattice with these coordinates (float32 `[n]` each).
    pub(crate) fn lattice(&self, axes: &[Tensor; 3]) -> Lattice {
        self.query_map.lattice(&self.fourier, axes, self.kind)
    }

    /// Whether points go through all layers in one pass, by tables of each shape (see `fused`).
    pub(crate) fn is_fused(&self) -> bool {
        self.point_decoder.is_some()
    }

    /// The fused decoder of one shape's points on a lattice; `None` where the tensor operations are to be used.
    pub(crate) fn fused(&self, lattice: &Lattice, shape: &ShapeKeyValues) -> Option<FusedPoints<'_>> {
        let decoder = self.point_decoder.as_ref()?;
        Some(FusedPoints { decoder, tables: decoder.tables(lattice, shape)? })
    }

    /// Queries cut into heads and normalised, [1, h, P, d].
    pub(crate) fn heads_of(&self, queries: &Queries) -> Tensor {
        self.cross_attn_decoder.heads(&queries.query.unsqueeze(0))
    }

    /// Logits `[P]` of lattice queries that attend to all tokens of a shape.
    pub(crate) fn logits(&self, queries: &Queries, shape: &ShapeKeyValues) -> Tensor {
        let q = self.heads_of(queries);
        self.logits_after_attention(queries, &scaled_dot_product_attention(&q, &shape.keys, &shape.values))
    }

    /// Logits `[P]`, float32, from the queries and the result of their attention, [1, h, P, d].
    pub(crate) fn logits_after_attention(&self, queries: &Queries, attention: &Tensor) -> Tensor {
        let block = &self.cross_attn_decoder;
        let a = merge_heads(attention).squeeze_dim(0); // [P, w]
        let x = queries.residual.addmm(&a, &block.c_proj.weight().transpose(0, 1)); // its bias is in the residual
        let x = &x + block.mlp.forward(&block.ln_3.forward(&x));
        let x = match &self.ln_post {
            Some(norm) => norm.forward(&x),
            None => x,
        };
        self.output_proj.forward(&x).squeeze_dim(1).to_kind(Kind::Float)
    }
}

/// The points of one shape on a lattice.
#[derive(Debug)]
pub(crate) struct FusedPoints<'a> {
    decoder: &'a PointDecoder,
    tables: ShapeTables,
}

impl FusedPoints<'_> {
    /// Logits `[P]`, float32, of the points with these row-major indices (int64 `[P]`).
    pub(crate) fn logits(&self, index: &Tensor) -> Tensor {
        let mut indices = vec![0; index.numel()];
        index.copy_data(&mut indices, index.numel());
        Tensor::from_slice(&self.decoder.logits(&self.tables, &indices))
    }
}

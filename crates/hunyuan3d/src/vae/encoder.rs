//! The point-cloud encoder (specification sections 9.4 and 15): surface points to a posterior over latents.

use checkpoint::config::VaeConfig;
use tch::{Kind, Tensor};

use super::attention::{BlockConfig, CrossAttentionBlock};
use super::fourier::FourierEmbedding;
use super::posterior::Posterior;
use super::sampling::{Counts, PartCount, SurfaceSampling, farthest_points};
use super::transformer::Transformer;
use crate::error::Error;
use crate::layers::{LayerNorm, Linear};
use crate::probe::Probe;
use crate::weights::Weights;

/// The encoder's own MLP factor; only the geometry decoder's can be configured.
const MLP_EXPAND: i64 = 4;

/// Surface points to posterior.
#[derive(Debug)]
pub struct Encoder {
    config: VaeConfig,
    fourier: FourierEmbedding,
    input_proj: Linear,
    cross_attn: CrossAttentionBlock,
    self_attn: Transformer,
    ln_post: LayerNorm,
    pre_kl: Linear,
    kind: Kind,
}

/// Where queries and data of one kind of points lie in the surface.
struct Picked {
    queries: Tensor,
    data: Tensor,
}

impl Encoder {
    /// From the VAE's weights (`encoder.*` and `pre_kl.*`); `layers` self-attention blocks.
    pub(crate) fn new(w: &Weights, config: &VaeConfig, layers: i64) -> Result<Encoder, Error> {
        let (width, encoder) = (config.width, &(w / "encoder"));
        let block = BlockConfig {
            width,
            heads: config.heads,
            qkv_bias: config.qkv_bias,
            qk_norm: config.qk_norm,
            mlp_expand: MLP_EXPAND,
        };
        Ok(Encoder {
            fourier: FourierEmbedding::new(config.num_freqs, config.include_pi, w.device()),
            input_proj: Linear::new(encoder / "input_proj", config.fourier_width() + config.point_feats, width, true)?,
            cross_attn: CrossAttentionBlock::new(&(encoder / "cross_attn"), block)?,
            self_attn: Transformer::new(&(encoder / "self_attn"), layers, block)?,
            ln_post: LayerNorm::new(encoder / "ln_post", width, 1e-5)?,
            pre_kl: Linear::new(w / "pre_kl", width, 2 * config.embed_dim, true)?,
            kind: w.kind(),
            config: config.clone(),
        })
    }

    /// Encodes `surface` [B, Nu + Ns, 3 + point_feats] (positions, normals, sharp-edge label; uniform points first)
    /// into a posterior over [B, L, C] latents. Shows `query_features`, `data_features`, `encoder_cross_attn`,
    /// `encoder_self_attn`, `encoder_ln_post`, `moments`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the surface or the permutations have other sizes than the configuration says.
    pub fn encode(&self, surface: &Tensor, sampling: &SurfaceSampling, probe: Probe<'_>) -> Result<Posterior, Error> {
        let (queries, data) = self.features(surface, sampling)?;
        probe.see(format_args!("query_features"), &queries);
        probe.see(format_args!("data_features"), &data);
        let data = self.input_proj.forward(&data.to_kind(self.kind));
        let (k, v) = self.cross_attn.keys_values(&data);
        let x = self.input_proj.forward(&queries.to_kind(self.kind));
        let x = self.cross_attn.forward(&x, (&k, &v), Probe::NONE);
        probe.see(format_args!("encoder_cross_attn"), &x);
        let x = self.self_attn.forward(x, Probe::NONE);
        probe.see(format_args!("encoder_self_attn"), &x);
        let x = self.ln_post.forward(&x);
        probe.see(format_args!("encoder_ln_post"), &x);
        let moments = self.pre_kl.forward(&x);
        probe.see(format_args!("moments"), &moments);
        Ok(Posterior::from_moments(&moments))
    }

    /// Features of queries [B, L, 3 (2F + 1) + point_feats] and data [B, M, same], float32: uniform points, then sharp.
    fn features(&self, surface: &Tensor, sampling: &SurfaceSampling) -> Result<(Tensor, Tensor), Error> {
        let (uniform, sharp) = (self.config.pc_size, self.config.pc_sharpedge_size);
        let columns = 3 + self.config.point_feats;
        let size = surface.size();
        if size.len() != 3 || size[1] != uniform + sharp || size[2] != columns {
            return Err(Error::Invalid(format!(
                "surface points have shape {size:?}, the encoder takes [B, {}, {columns}]",
                uniform + sharp
            )));
        }
        if sampling.uniform.size() != [uniform] || sampling.sharp.size() != [sharp] {
            return Err(Error::Invalid(format!("sampling permutations must have {uniform} and {sharp} entries")));
        }
        let surface = surface.to_kind(Kind::Float).to_device(self.fourier.device());
        let counts = Counts::new(&self.config);
        let [of_uniform, of_sharp] = [
            pick(&surface.narrow(1, 0, uniform), &sampling.uniform, counts.uniform, sampling.start[0]),
            pick(&surface.narrow(1, uniform, sharp), &sampling.sharp, counts.sharp, sampling.start[1]),
        ];
        let queries = Tensor::cat(&[of_uniform.queries, of_sharp.queries], 1);
        let data = Tensor::cat(&[of_uniform.data, of_sharp.data], 1);
        Ok((self.embed(&queries), self.embed(&data)))
    }

    /// Positions become Fourier features, the other columns stay.
    fn embed(&self, points: &Tensor) -> Tensor {
        let features = self.fourier.forward(&points.narrow(2, 0, 3));
        Tensor::cat(&[features, points.narrow(2, 3, self.config.point_feats)], 2)
    }
}

/// Keeps the first `count.data` permuted rows of `points` [B, n, c] as data, and picks the queries among them.
fn pick(points: &Tensor, permutation: &Tensor, count: PartCount, start: i64) -> Picked {
    let (b, c) = (points.size()[0], points.size()[2]);
    let data = points.index_select(1, &permutation.narrow(0, 0, count.data).to_device(points.device()));
    if count.queries == 0 {
        return Picked { queries: data.narrow(1, 0, 0), data };
    }
    let picks = farthest_points(&data.narrow(2, 0, 3), count.queries, start);
    let picks = picks.unsqueeze(-1).expand([b, count.queries, c], false);
    Picked { queries: data.gather(1, &picks, false), data }
}

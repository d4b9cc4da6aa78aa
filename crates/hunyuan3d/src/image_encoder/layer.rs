use checkpoint::config::Dinov2Config;
use tch::Tensor;

use crate::error::Error;
use crate::layers::{LayerNorm, Linear, merge_heads, scaled_dot_product_attention};
use crate::probe::Probe;
use crate::weights::Weights;

/// `x += lambda1 * attention(norm1 x); x += lambda2 * mlp(norm2 x)`.
#[derive(Debug)]
pub(super) struct Layer {
    i: i64,
    norm1: LayerNorm,
    attention: Attention,
    layer_scale1: Tensor,
    norm2: LayerNorm,
    mlp: FeedForward,
    layer_scale2: Tensor,
}

impl Layer {
    pub(super) fn new(i: i64, config: &Dinov2Config, w: &Weights) -> Result<Layer, Error> {
        let dim = config.hidden_size;
        let norm = |name: &str| LayerNorm::new(w / name, dim, config.layer_norm_eps);
        let layer_scale = |name: &str| (w / name).tensor("lambda1", &[dim]);
        Ok(Layer {
            i,
            norm1: norm("norm1")?,
            attention: Attention::new(config, &(w / "attention"))?,
            layer_scale1: layer_scale("layer_scale1")?,
            norm2: norm("norm2")?,
            mlp: FeedForward::new(config, &(w / "mlp"))?,
            layer_scale2: layer_scale("layer_scale2")?,
        })
    }

    /// `x` [N, L, H], changed in place.
    pub(super) fn forward(&self, x: &mut Tensor, probe: Probe<'_>) {
        let i = self.i;
        let normed = self.norm1.forward(x);
        let attention = self.attention.forward(&normed);
        probe.see(format_args!("layer{i}.norm1"), &normed);
        probe.see(format_args!("layer{i}.attention"), &attention);
        probe.see_with(format_args!("layer{i}.layer_scale1"), || &attention * &self.layer_scale1);
        let _ = x.addcmul_(&attention, &self.layer_scale1);
        let mlp = self.mlp.forward(&self.norm2.forward(x));
        probe.see(format_args!("layer{i}.mlp"), &mlp);
        let _ = x.addcmul_(&mlp, &self.layer_scale2);
        probe.see(format_args!("layer{i}.out"), x);
    }
}

/// Multi-head self attention.
#[derive(Debug)]
struct Attention {
    /// `query`, `key` and `value` stacked: (K H D).
    qkv: Linear,
    dense: Linear,
    num_heads: i64,
}

impl Attention {
    fn new(config: &Dinov2Config, w: &Weights) -> Result<Attention, Error> {
        let dim = config.hidden_size;
        let names = ["query", "key", "value"];
        let read = |tensor: &str, shape: &[i64]| -> Result<Tensor, Error> {
            let parts = names.map(|name| (w / "attention" / name).tensor(tensor, shape));
            Ok(Tensor::cat(&parts.into_iter().collect::<Result<Vec<_>, _>>()?, 0))
        };
        let bias = config.qkv_bias.then(|| read("bias", &[dim])).transpose()?;
        Ok(Attention {
            qkv: Linear::from_tensors(read("weight", &[dim, dim])?, bias),
            dense: Linear::new(w / "output" / "dense", dim, dim, true)?,
            num_heads: config.num_attention_heads,
        })
    }

    /// `x` [N, L, H] -> [N, L, H].
    fn forward(&self, x: &Tensor) -> Tensor {
        let (n, l) = (x.size()[0], x.size()[1]);
        let qkv = self.qkv.forward(x).view([n, l, 3, self.num_heads, -1]);
        let part = |k: i64| qkv.select(2, k).transpose(1, 2); // [N, heads, L, d]
        self.dense.forward(&merge_heads(&scaled_dot_product_attention(&part(0), &part(1), &part(2))))
    }
}

/// The feed-forward part.
#[derive(Debug)]
enum FeedForward {
    /// `fc2(GELU(fc1 x))`, exact GELU.
    Mlp { fc1: Linear, fc2: Linear },
    /// `weights_out(SiLU(a) * b)` with `[a | b] = weights_in x`.
    SwiGlu { weights_in: Linear, weights_out: Linear, hidden: i64 },
}

impl FeedForward {
    fn new(config: &Dinov2Config, w: &Weights) -> Result<FeedForward, Error> {
        let (dim, hidden) = (config.hidden_size, config.mlp_hidden());
        Ok(if config.use_swiglu_ffn {
            FeedForward::SwiGlu {
                weights_in: Linear::new(w / "weights_in", dim, 2 * hidden, true)?,
                weights_out: Linear::new(w / "weights_out", hidden, dim, true)?,
                hidden,
            }
        } else {
            FeedForward::Mlp {
                fc1: Linear::new(w / "fc1", dim, hidden, true)?,
                fc2: Linear::new(w / "fc2", hidden, dim, true)?,
            }
        })
    }

    /// `x` [N, L, H] -> [N, L, H].
    fn forward(&self, x: &Tensor) -> Tensor {
        match self {
            FeedForward::Mlp { fc1, fc2 } => fc2.forward(&fc1.forward(x).gelu_("none")),
            FeedForward::SwiGlu { weights_in, weights_out, hidden } => {
                let y = weights_in.forward(x);
                let (a, b) = (y.narrow(-1, 0, *hidden), y.narrow(-1, *hidden, *hidden));
                weights_out.forward(&a.silu().g_mul_(&b))
            }
        }
    }
}

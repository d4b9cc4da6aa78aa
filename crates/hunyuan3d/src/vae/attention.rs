//! Attention blocks of the shape VAE: residual self attention and residual cross attention (specification 9.2, 9.3).

use tch::Tensor;

use crate::error::Error;
use crate::layers::{LayerNorm, Linear, merge_heads, scaled_dot_product_attention};
use crate::probe::Probe;
use crate::weights::Weights;

const EPS: f64 = 1e-6;

/// Sizes of an attention block.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockConfig {
    /// Features W of a token.
    pub(crate) width: i64,
    /// Attention heads.
    pub(crate) heads: i64,
    /// Whether the query, key and value projections have a bias.
    pub(crate) qkv_bias: bool,
    /// Whether queries and keys are normalised per head.
    pub(crate) qk_norm: bool,
    /// Hidden width of the MLP over W.
    pub(crate) mlp_expand: i64,
}

impl BlockConfig {
    /// Features of a head.
    pub(crate) fn head_dim(&self) -> i64 {
        self.width / self.heads
    }
}

/// Layer norms (not RMS) of queries and keys over a head's features.
#[derive(Debug)]
pub(crate) struct QkNorm {
    q_norm: LayerNorm,
    k_norm: LayerNorm,
}

impl QkNorm {
    fn new(w: &Weights, config: &BlockConfig) -> Result<Option<QkNorm>, Error> {
        if !config.qk_norm {
            return Ok(None);
        }
        Ok(Some(QkNorm {
            q_norm: LayerNorm::new(w / "q_norm", config.head_dim(), EPS)?,
            k_norm: LayerNorm::new(w / "k_norm", config.head_dim(), EPS)?,
        }))
    }
}

/// Two layers with an exact GELU between.
#[derive(Debug)]
pub(crate) struct Mlp {
    c_fc: Linear,
    c_proj: Linear,
}

impl Mlp {
    fn new(w: &Weights, config: &BlockConfig) -> Result<Mlp, Error> {
        let hidden = config.mlp_expand * config.width;
        Ok(Mlp {
            c_fc: Linear::new(w / "c_fc", config.width, hidden, true)?,
            c_proj: Linear::new(w / "c_proj", hidden, config.width, true)?,
        })
    }

    /// The hidden layer after its GELU.
    pub(crate) fn hidden(&self, x: &Tensor) -> Tensor {
        self.c_fc.forward(x).gelu_("none")
    }

    /// `x` [.., W] -> [.., W].
    pub(crate) fn forward(&self, x: &Tensor) -> Tensor {
        self.c_proj.forward(&self.hidden(x))
    }
}

/// `x += attn(ln_1 x); x += mlp(ln_2 x)`.
#[derive(Debug)]
pub(crate) struct SelfAttentionBlock {
    config: BlockConfig,
    ln_1: LayerNorm,
    c_qkv: Linear,
    norm: Option<QkNorm>,
    c_proj: Linear,
    ln_2: LayerNorm,
    mlp: Mlp,
}

impl SelfAttentionBlock {
    pub(crate) fn new(w: &Weights, config: BlockConfig) -> Result<SelfAttentionBlock, Error> {
        let (width, attn) = (config.width, w / "attn");
        Ok(SelfAttentionBlock {
            ln_1: LayerNorm::new(w / "ln_1", width, EPS)?,
            c_qkv: Linear::new(&attn / "c_qkv", width, 3 * width, config.qkv_bias)?,
            norm: QkNorm::new(&(&attn / "attention"), &config)?,
            c_proj: Linear::new(&attn / "c_proj", width, width, true)?,
            ln_2: LayerNorm::new(w / "ln_2", width, EPS)?,
            mlp: Mlp::new(&(w / "mlp"), &config)?,
            config,
        })
    }

    /// `x` [B, N, W] -> [B, N, W]. Shows `<name>.attn` and `<name>` to the probe.
    pub(crate) fn forward(&self, x: &Tensor, name: std::fmt::Arguments<'_>, probe: Probe<'_>) -> Tensor {
        let attn = self.attention(&self.ln_1.forward(x));
        probe.see(format_args!("{name}.attn"), &attn);
        let x = x + attn;
        let x = &x + self.mlp.forward(&self.ln_2.forward(&x));
        probe.see(name, &x);
        x
    }

    fn attention(&self, x: &Tensor) -> Tensor {
        let (b, n) = (x.size()[0], x.size()[1]);
        let qkv = self.c_qkv.forward(x).view([b, n, self.config.heads, 3 * self.config.head_dim()]); // (H K D)
        let [q, k, v]: [Tensor; 3] = parts(&qkv);
        let (q, k) = match &self.norm {
            Some(norm) => (norm.q_norm.forward(&q), norm.k_norm.forward(&k)),
            None => (q, k),
        };
        let [q, k, v] = [q, k, v].map(|x| x.transpose(1, 2)); // [B, H, N, d]
        let a = scaled_dot_product_attention(&q, &k, &v);
        self.c_proj.forward(&merge_heads(&a))
    }
}

/// `x += attn(ln_1 x, ln_2 data); x += mlp(ln_3 x)`.
#[derive(Debug)]
pub(crate) struct CrossAttentionBlock {
    pub(crate) config: BlockConfig,
    pub(crate) ln_1: LayerNorm,
    ln_2: LayerNorm,
    pub(crate) ln_3: LayerNorm,
    c_q: Linear,
    c_kv: Linear,
    norm: Option<QkNorm>,
    pub(crate) c_proj: Linear,
    pub(crate) mlp: Mlp,
}

impl CrossAttentionBlock {
    pub(crate) fn new(w: &Weights, config: BlockConfig) -> Result<CrossAttentionBlock, Error> {
        let (width, attn) = (config.width, w / "attn");
        Ok(CrossAttentionBlock {
            ln_1: LayerNorm::new(w / "ln_1", width, EPS)?,
            ln_2: LayerNorm::new(w / "ln_2", width, EPS)?,
            ln_3: LayerNorm::new(w / "ln_3", width, EPS)?,
            c_q: Linear::new(&attn / "c_q", width, width, config.qkv_bias)?,
            c_kv: Linear::new(&attn / "c_kv", width, 2 * width, config.qkv_bias)?,
            norm: QkNorm::new(&(&attn / "attention"), &config)?,
            c_proj: Linear::new(&attn / "c_proj", width, width, true)?,
            mlp: Mlp::new(&(w / "mlp"), &config)?,
            config,
        })
    }

    /// Keys and values of `data` [B, N, W]: both [B, H, N, d].
    pub(crate) fn keys_values(&self, data: &Tensor) -> (Tensor, Tensor) {
        let (b, n) = (data.size()[0], data.size()[1]);
        let kv = self.c_kv.forward(&self.ln_2.forward(data));
        let [k, v] = parts(&kv.view([b, n, self.config.heads, 2 * self.config.head_dim()])); // (H 2 d)
        let k = match &self.norm {
            Some(norm) => norm.k_norm.forward(&k),
            None => k,
        };
        (k.transpose(1, 2).contiguous(), v.transpose(1, 2).contiguous())
    }

    /// Queries of `x` [B, P, W]: [B, H, P, d].
    pub(crate) fn queries(&self, x: &Tensor) -> Tensor {
        self.heads(&self.c_q.forward(&self.ln_1.forward(x)))
    }

    /// Projected queries [B, P, W] cut into heads and normalised: [B, H, P, d].
    pub(crate) fn heads(&self, q: &Tensor) -> Tensor {
        let (b, p) = (q.size()[0], q.size()[1]);
        let q = q.view([b, p, self.config.heads, self.config.head_dim()]);
        let q = match &self.norm {
            Some(norm) => norm.q_norm.forward(&q),
            None => q,
        };
        q.transpose(1, 2)
    }

    /// The block on queries `x` [B, P, W] with the keys and values of its data. Shows `cross_attn` (the attention
    /// branch).
    pub(crate) fn forward(&self, x: &Tensor, (k, v): (&Tensor, &Tensor), probe: Probe<'_>) -> Tensor {
        let a = merge_heads(&scaled_dot_product_attention(&self.queries(x), k, v));
        let attn = self.c_proj.forward(&a);
        probe.see(format_args!("cross_attn"), &attn);
        let x = x + attn;
        &x + self.mlp.forward(&self.ln_3.forward(&x))
    }
}

/// Cuts the last dimension into `K` equal parts.
fn parts<const K: usize>(x: &Tensor) -> [Tensor; K] {
    let width = x.size().last().copied().unwrap_or(0) / K as i64;
    std::array::from_fn(|i| x.narrow(-1, i as i64 * width, width))
}

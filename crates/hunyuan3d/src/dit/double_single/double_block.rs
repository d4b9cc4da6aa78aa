use checkpoint::config::Hunyuan3DDiTConfig;
use tch::Tensor;

use super::attention::StreamAttention;
use super::modulation::DoubleModulation;
use crate::error::Error;
use crate::layers::{Linear, biased_attention, merge_heads};
use crate::probe::Probe;
use crate::weights::Weights;

/// A block with two streams: "img" is the latents, "txt" the context. Each has its own weights; they share one
/// attention.
#[derive(Debug)]
pub(super) struct DoubleStreamBlock {
    i: i64,
    img_attn: StreamAttention,
    img_mlp: Mlp,
    txt_attn: StreamAttention,
    txt_mlp: Mlp,
}

impl DoubleStreamBlock {
    pub(super) fn new(i: i64, config: &Hunyuan3DDiTConfig, w: &Weights) -> Result<DoubleStreamBlock, Error> {
        let dim = config.hidden_size;
        let attn = |name: &str| StreamAttention::new(&(w / name), dim, config.num_heads, config.qkv_bias);
        let mlp = |name: &str| Mlp::new(&(w / name), dim, config.mlp_hidden());
        Ok(DoubleStreamBlock {
            i,
            img_attn: attn("img_attn")?,
            img_mlp: mlp("img_mlp")?,
            txt_attn: attn("txt_attn")?,
            txt_mlp: mlp("txt_mlp")?,
        })
    }

    /// `img` [B, L, D] and `txt` [B, T, D], both changed in place. `bias` on the attention scores, context first.
    pub(super) fn forward(
        &self,
        img: &mut Tensor,
        txt: &mut Tensor,
        m: &DoubleModulation,
        bias: Option<&Tensor>,
        probe: Probe<'_>,
    ) {
        let i = self.i;
        let (t, l) = (txt.size()[1], img.size()[1]);
        let of_img = self.img_attn.qkv(&m.img.attn.affine.apply(img));
        let of_txt = self.txt_attn.qkv(&m.txt.attn.affine.apply(txt));
        probe.see(format_args!("double{i}.img_qk_normed.0"), &of_img.q);
        probe.see(format_args!("double{i}.img_qk_normed.1"), &of_img.k);

        let join = |txt: Tensor, img: Tensor| Tensor::cat(&[txt, img], 2); // [B, H, T + L, d]
        let (q, k, v) = (join(of_txt.q, of_img.q), join(of_txt.k, of_img.k), join(of_txt.v, of_img.v));
        let attn = merge_heads(&biased_attention(&q, &k, &v, bias)); // [B, T + L, D]
        let img_attn = self.img_attn.proj.forward(&attn.narrow(1, t, l));
        let txt_attn = self.txt_attn.proj.forward(&attn.narrow(1, 0, t));
        probe.see(format_args!("double{i}.img_attn_proj"), &img_attn);

        m.img.attn.add_to(img, &img_attn);
        m.img.mlp.add_to(img, &self.img_mlp.forward(&m.img.mlp.affine.apply(img)));
        m.txt.attn.add_to(txt, &txt_attn);
        m.txt.mlp.add_to(txt, &self.txt_mlp.forward(&m.txt.mlp.affine.apply(txt)));
        probe.see(format_args!("double{i}.0"), img);
        probe.see(format_args!("double{i}.1"), txt);
    }
}

/// Linear, GELU (tanh approximation), linear: members 0 and 2 of a sequence.
#[derive(Debug)]
struct Mlp {
    linear0: Linear,
    linear2: Linear,
}

impl Mlp {
    fn new(w: &Weights, dim: i64, hidden: i64) -> Result<Mlp, Error> {
        Ok(Mlp { linear0: Linear::new(w / 0, dim, hidden, true)?, linear2: Linear::new(w / 2, hidden, dim, true)? })
    }

    /// `x` [B, L, D] -> [B, L, D].
    fn forward(&self, x: &Tensor) -> Tensor {
        self.linear2.forward(&self.linear0.forward(x).gelu_("tanh"))
    }
}

use checkpoint::config::Hunyuan3DDiTConfig;
use tch::Tensor;

use super::EPS;
use crate::error::Error;
use crate::layers::Linear;
use crate::weights::Weights;

/// Chunks [B, 1, D] of a modulation product, in order.
type Chunks = std::vec::IntoIter<Tensor>;

/// Shift and scale of a normalised stream; each [B, 1, D].
#[derive(Debug)]
pub(super) struct Affine {
    shift: Tensor,
    /// 1 + scale.
    scale: Tensor,
}

impl Affine {
    fn take(chunks: &mut Chunks) -> Affine {
        let mut next = || chunks.next().expect("as many chunks as blocks ask for. This is a bug.");
        Affine { shift: next(), scale: next() }
    }

    /// `(1 + scale) * LN(x) + shift`, the norm without parameters of its own. `x` [B, L, D] -> [B, L, D].
    pub(super) fn apply(&self, x: &Tensor) -> Tensor {
        let dim = self.shift.size()[2];
        self.shift.addcmul(&x.layer_norm::<&Tensor>([dim], None, None, EPS, true), &self.scale)
    }
}

/// How one residual branch is modulated.
#[derive(Debug)]
pub(super) struct Modulation {
    pub(super) affine: Affine,
    /// Factor on the branch's result, [B, 1, D].
    gate: Tensor,
}

impl Modulation {
    fn take(chunks: &mut Chunks) -> Modulation {
        let affine = Affine::take(chunks);
        let gate = chunks.next().expect("as many chunks as blocks ask for. This is a bug.");
        Modulation { affine, gate }
    }

    /// `x += gate * branch`.
    pub(super) fn add_to(&self, x: &mut Tensor, branch: &Tensor) {
        let _ = x.addcmul_(branch, &self.gate);
    }
}

/// The modulations of a double block's stream: of its attention, then of its MLP.
#[derive(Debug)]
pub(super) struct StreamModulation {
    pub(super) attn: Modulation,
    pub(super) mlp: Modulation,
}

impl StreamModulation {
    fn take(chunks: &mut Chunks) -> StreamModulation {
        StreamModulation { attn: Modulation::take(chunks), mlp: Modulation::take(chunks) }
    }
}

/// The modulations of a double block.
#[derive(Debug)]
pub(super) struct DoubleModulation {
    pub(super) img: StreamModulation,
    pub(super) txt: StreamModulation,
}

/// The modulations of one pass.
#[derive(Debug)]
pub(super) struct PassModulations {
    pub(super) double: Vec<DoubleModulation>,
    pub(super) single: Vec<Modulation>,
    pub(super) last: Affine,
}

/// All modulation layers: `lin(SiLU(vec))` of every block, and the final layer's.
///
/// They depend on time and guidance only, so they are stacked into one product at the start of a pass.
#[derive(Debug)]
pub(super) struct Modulations {
    /// [parts * D, D].
    lin: Linear,
    /// 1 where the product is a scale, else 0: [parts * D].
    one: Tensor,
    parts: i64,
    depth: usize,
    depth_single_blocks: usize,
}

impl Modulations {
    /// Reads the layers of all blocks at `w`.
    pub(super) fn new(config: &Hunyuan3DDiTConfig, w: &Weights) -> Result<Modulations, Error> {
        let dim = config.hidden_size;
        let mut places = Vec::new(); // prefixes of the layers, and the number of chunks of D features of each
        for i in 0..config.depth {
            places.extend(["img_mod", "txt_mod"].map(|name| (w / "double_blocks" / i / name / "lin", 6)));
        }
        places.extend((0..config.depth_single_blocks).map(|i| (w / "single_blocks" / i / "modulation" / "lin", 3)));
        places.push((w / "final_layer" / "adaLN_modulation" / 1, 2));

        let (mut weights, mut biases, mut one) = (Vec::new(), Vec::new(), Vec::new());
        for (place, chunks) in &places {
            weights.push(place.tensor("weight", &[chunks * dim, dim])?);
            biases.push(place.tensor("bias", &[chunks * dim])?);
            // Chunks come as shift, scale, gate; the final layer has no gate.
            one.extend((0..*chunks).map(|chunk| if chunk % 3 == 1 { 1f32 } else { 0.0 }));
        }
        Ok(Modulations {
            lin: Linear::from_tensors(Tensor::cat(&weights, 0), Some(Tensor::cat(&biases, 0))),
            parts: one.len() as i64,
            one: Tensor::from_slice(&one)
                .repeat_interleave_self_int(dim, 0, None)
                .to_device(w.device())
                .to_kind(w.kind()),
            depth: config.depth as usize,
            depth_single_blocks: config.depth_single_blocks as usize,
        })
    }

    /// `vec` [B, D].
    pub(super) fn forward(&self, vec: &Tensor) -> PassModulations {
        let product = self.lin.forward(&vec.silu()).g_add_(&self.one).unsqueeze(1); // [B, 1, parts * D]
        let mut chunks = product.chunk(self.parts, -1).into_iter(); // parts x [B, 1, D]
        PassModulations {
            double: (0..self.depth)
                .map(|_| DoubleModulation {
                    img: StreamModulation::take(&mut chunks),
                    txt: StreamModulation::take(&mut chunks),
                })
                .collect(),
            single: (0..self.depth_single_blocks).map(|_| Modulation::take(&mut chunks)).collect(),
            last: Affine::take(&mut chunks),
        }
    }
}

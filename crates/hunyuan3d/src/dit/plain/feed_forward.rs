use checkpoint::config::HunYuanDiTPlainConfig;
use tch::{Device, Kind, Tensor};

use crate::error::Error;
use crate::layers::Linear;
use crate::probe::Probe;
use crate::weights::Weights;

/// Linear, exact GELU, linear; four times as wide inside.
#[derive(Debug)]
pub(super) struct FeedForward {
    fc1: Linear,
    fc2: Linear,
}

impl FeedForward {
    /// Reads the layers of the given names at `w`.
    pub(super) fn new(w: &Weights, [fc1, fc2]: [&str; 2], dim: i64) -> Result<FeedForward, Error> {
        Ok(FeedForward {
            fc1: Linear::new(w / fc1, dim, 4 * dim, true)?,
            fc2: Linear::new(w / fc2, 4 * dim, dim, true)?,
        })
    }

    /// `x` [.., D] -> [.., D].
    pub(super) fn forward(&self, x: &Tensor) -> Tensor {
        self.fc2.forward(&self.fc1.forward(x).gelu_("none"))
    }
}

/// For each token, the `top_k` experts that its gate scores highest, each weighted by its score, and a shared one.
///
/// Scores are a softmax over all experts and are not normalised again after the choice. No expert is limited in the
/// tokens it takes, so that the result of a token does not depend on the rest of the batch.
#[derive(Debug)]
pub(super) struct MixtureOfExperts {
    i: i64,
    gate: Linear,
    experts: Vec<FeedForward>,
    shared_experts: FeedForward,
    top_k: i64,
}

impl MixtureOfExperts {
    pub(super) fn new(i: i64, w: &Weights, config: &HunYuanDiTPlainConfig) -> Result<MixtureOfExperts, Error> {
        let (dim, layers) = (config.hidden_size, ["net.0.proj", "net.2"]);
        Ok(MixtureOfExperts {
            i,
            gate: Linear::new(w / "gate", dim, config.num_experts, false)?,
            experts: (0..config.num_experts)
                .map(|e| FeedForward::new(&(w / "experts" / e), layers, dim))
                .collect::<Result<_, _>>()?,
            shared_experts: FeedForward::new(&(w / "shared_experts"), layers, dim)?,
            top_k: config.moe_top_k,
        })
    }

    /// `x` [B, S, D] -> [B, S, D].
    pub(super) fn forward(&self, x: &Tensor, probe: Probe<'_>) -> Tensor {
        let (i, dim) = (self.i, x.size()[2]);
        let scores = self.gate.forward(x).softmax(-1, None); // [B, S, E]
        let (best, chosen) = scores.topk(self.top_k, -1, true, true); // [B, S, k], best first
        probe.see(format_args!("block{i}.moe.scores"), &scores);
        probe.see(format_args!("block{i}.moe.topk_idx_sorted"), &chosen);

        let routed = self.route(&x.reshape([-1, dim]), &chosen.view(-1)); // [B S k, D]
        let routed = (routed.view([-1, self.top_k, dim]) * best.view([-1, self.top_k, 1])).sum_dim_intlist(
            &[1][..],
            false,
            None::<Kind>,
        );
        let y = self.shared_experts.forward(x) + routed.view_as(x);
        probe.see(format_args!("block{i}.moe"), &y);
        y
    }

    /// `tokens` [N, D] and the k experts `chosen` [N k] of each -> the outputs of these experts, [N k, D].
    fn route(&self, tokens: &Tensor, chosen: &Tensor) -> Tensor {
        // Sorted by expert, each expert's tokens are one slice.
        let (_, order) = chosen.sort_stable(true, 0, false); // [N k]
        let slices = tokens.index_select(0, &order.divide_scalar_mode(self.top_k, "floor"));
        let counts = chosen.bincount::<Tensor>(None, self.experts.len() as i64).to_device(Device::Cpu);
        let mut result = tokens.new_empty(slices.size(), (tokens.kind(), tokens.device()));
        let mut from = 0;
        for (e, expert) in self.experts.iter().enumerate() {
            let count = counts.int64_value(&[e as i64]);
            if count > 0 {
                let y = expert.forward(&slices.narrow(0, from, count));
                let _ = result.index_copy_(0, &order.narrow(0, from, count), &y);
                from += count;
            }
        }
        result
    }
}

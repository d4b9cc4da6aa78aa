//! Attention to selected keys (specification section 12.4): sampled queries of a group select the keys for the whole group.

use tch::{Device, Kind, Tensor};

/// How a group of queries selects its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectionRule {
    /// Coarsest level: the best third by mean score of every 100th query, per head.
    Coarse,
    /// Refinement, mode `mean`: as coarse, every 50th query.
    Mean,
    /// Refinement, mode `merge`: all keys with a probability above 1e-6, averaged over heads, for one of the sampled queries
    /// (every 30th).
    Merge,
}

impl SelectionRule {
    /// Every how many-th query of a group is a sample.
    fn stride(self) -> usize {
        match self {
            SelectionRule::Coarse => 100,
            SelectionRule::Mean => 50,
            SelectionRule::Merge => 30,
        }
    }

    /// Rows of the samples when groups of `counts` queries stand one after the other, and how many each group has.
    pub(super) fn samples(self, counts: &[i64]) -> (Vec<i64>, Vec<i64>) {
        let (mut rows, mut per_group, mut start) = (Vec::new(), Vec::with_capacity(counts.len()), 0);
        for &count in counts {
            let before = rows.len();
            rows.extend((start..start + count).step_by(self.stride()));
            per_group.push((rows.len() - before) as i64);
            start += count;
        }
        (rows, per_group)
    }
}

/// Keys that the best-third rule keeps of `keys`.
fn best_count(keys: i64) -> i64 {
    match keys {
        3072 => 1024,
        512 => 256,
        _ => (keys / 3).max(1),
    }
}

/// A probability above which a key counts in mode `merge`.
const MERGE_THRESHOLD: f64 = 1e-6;

/// The keys of each of several groups.
pub(super) enum Selection {
    /// A set per head: indices [h, G, K].
    PerHead(Tensor),
    /// A set for all heads, of any size: indices `[K]` per group.
    Shared(Vec<Tensor>),
}

impl Selection {
    /// From the groups' samples [h, S, d] (after query norm), `per_group` of them each, and all keys [h, N, d].
    pub(super) fn new(samples: &Tensor, per_group: &[i64], keys: &Tensor, rule: SelectionRule) -> Selection {
        let (samples, keys) = (samples.to_kind(Kind::Float), keys.to_kind(Kind::Float));
        match rule {
            SelectionRule::Coarse | SelectionRule::Mean => {
                // The mean of the products is the product of the mean.
                let means =
                    Tensor::stack(&per_group_parts(&samples, 1, per_group, |part| part.mean_dim(1, false, None)), 1);
                let scores = means.matmul(&keys.transpose(1, 2)); // [h, G, N]
                Selection::PerHead(scores.topk(best_count(keys.size()[1]), -1, true, false).1)
            }
            SelectionRule::Merge => {
                let wanted = per_group_parts(&samples, 1, per_group, |part| {
                    let probability = part.matmul(&keys.transpose(1, 2)).softmax(-1, None).mean_dim(0, false, None);
                    probability.gt(MERGE_THRESHOLD).any_dim(0, false) // [N]
                });
                let wanted = Tensor::stack(&wanted, 0); // [G, N]
                let sizes = Vec::<i64>::try_from(wanted.sum_dim_intlist(1, false, Kind::Int64).to_device(Device::Cpu))
                    .expect("counts are a vector of integers. This is a bug.");
                Selection::Shared(wanted.nonzero().select(1, 1).split_with_sizes(sizes, 0))
            }
        }
    }

    /// Keys that a group keeps (per head).
    fn size(&self, group: usize) -> i64 {
        match self {
            Selection::PerHead(index) => index.size()[2],
            Selection::Shared(index) => index[group].size()[0],
        }
    }

    /// The group's rows of `x` [h, N, d] -> [1, h, K, d].
    pub(super) fn of(&self, x: &Tensor, group: usize) -> Tensor {
        let rows = match self {
            Selection::PerHead(index) => {
                let index = index.select(1, group as i64).unsqueeze(-1); // [h, K, 1]
                x.gather(1, &index.expand([-1, -1, x.size()[2]], false), false)
            }
            Selection::Shared(index) => x.index_select(1, &index[group]),
        };
        rows.unsqueeze(0)
    }
}

/// Cuts `x` along `dim` into parts of the given lengths and maps each.
fn per_group_parts(x: &Tensor, dim: i64, lengths: &[i64], map: impl Fn(Tensor) -> Tensor) -> Vec<Tensor> {
    x.split_with_sizes(lengths, dim).into_iter().map(map).collect()
}

/// What [`selective_attention`] returns.
#[derive(Debug)]
pub struct SelectiveAttention {
    /// Attention of every query, [B, h, P, d].
    pub output: Tensor,
    /// Keys kept, per row of the batch and group.
    pub kept: Vec<Vec<i64>>,
}

/// Attention of queries `q` [B, h, P, d] to keys `k` and values `v` [B, h, N, d], where the queries stand in
/// consecutive groups of `counts` (none empty, P in all) and each group of each row attends only to the keys that it selects.
pub fn selective_attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    counts: &[i64],
    rule: SelectionRule,
) -> SelectiveAttention {
    let (rows, per_group) = rule.samples(counts);
    let rows = Tensor::from_slice(&rows).to_device(q.device());
    let mut kept = Vec::new();
    let outputs: Vec<Tensor> = (0..q.size()[0])
        .map(|row| {
            let (q, k, v) = (q.select(0, row), k.select(0, row), v.select(0, row));
            let selection = Selection::new(&q.index_select(1, &rows), &per_group, &k, rule);
            kept.push((0..counts.len()).map(|group| selection.size(group)).collect());
            let groups = q.unsqueeze(0).split_with_sizes(counts, 2);
            let parts: Vec<Tensor> = groups.iter().enumerate().map(|(g, q)| attend(q, &k, &v, &selection, g)).collect();
            Tensor::cat(&parts, 2)
        })
        .collect();
    SelectiveAttention { output: Tensor::cat(&outputs, 0), kept }
}

/// Attention of a group's queries [1, h, P, d] to its selection of keys and values [h, N, d].
pub(super) fn attend(q: &Tensor, keys: &Tensor, values: &Tensor, selection: &Selection, group: usize) -> Tensor {
    crate::layers::scaled_dot_product_attention(q, &selection.of(keys, group), &selection.of(values, group))
}

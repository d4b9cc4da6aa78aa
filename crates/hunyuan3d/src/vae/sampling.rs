//! The surface points that the encoder attends to, and those that become its queries (specification section 15).

use checkpoint::config::VaeConfig;
use tch::{Device, Kind, Tensor};

/// The random choices of the encoder's sampling; they are an input, so that an encoding can be repeated.
#[derive(Debug)]
pub struct SurfaceSampling {
    /// A permutation of the uniform points, int64 `[Nu]`.
    pub uniform: Tensor,
    /// A permutation of the sharp-edge points, int64 `[Ns]`; empty if there are none.
    pub sharp: Tensor,
    /// Where farthest-point sampling starts in the permuted uniform and sharp points.
    pub start: [i64; 2],
}

impl SurfaceSampling {
    /// Permutations and starting points drawn from `seed`, for the point counts of `config`; the same on every device.
    pub fn seeded(config: &VaeConfig, seed: u64) -> SurfaceSampling {
        let mut draw = SplitMix(seed);
        let uniform = draw.permutation(config.pc_size);
        let sharp = draw.permutation(config.pc_sharpedge_size);
        let counts = Counts::new(config);
        let start = [counts.uniform, counts.sharp].map(|part| draw.below(part.data.max(1)));
        SurfaceSampling { uniform, sharp, start }
    }
}

/// How many points of one kind are data, and how many of those are picked as queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartCount {
    pub(super) data: i64,
    pub(super) queries: i64,
}

/// The counts for uniform and sharp points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) uniform: PartCount,
    pub(super) sharp: PartCount,
}

impl Counts {
    pub(super) fn new(config: &VaeConfig) -> Counts {
        let points = config.pc_size + config.pc_sharpedge_size;
        let uniform = if points == 0 { 0 } else { config.num_latents * config.pc_size / points };
        let part = |queries: i64, points: i64| {
            let data = ((queries as f64 * config.downsample_ratio) as i64).min(points);
            PartCount { data, queries: (data as f64 / config.downsample_ratio).ceil() as i64 }
        };
        Counts {
            uniform: part(uniform, config.pc_size),
            sharp: part(config.num_latents - uniform, config.pc_sharpedge_size),
        }
    }
}

/// Farthest-point sampling: `count` rows of `points` [B, M, 3], the first of them `start`, each next one farthest from
/// all before. Returns their indices in pick order, int64 [B, count].
pub fn farthest_points(points: &Tensor, count: i64, start: i64) -> Tensor {
    let points = points.to_kind(Kind::Float);
    let (b, m) = (points.size()[0], points.size()[1]);
    let picks = Tensor::empty([b, count], (Kind::Int64, points.device()));
    let mut nearest = Tensor::full([b, m], f64::INFINITY, (Kind::Float, points.device()));
    let mut pick = Tensor::full([b, 1], start, (Kind::Int64, points.device()));
    for i in 0..count {
        picks.narrow(1, i, 1).copy_(&pick);
        let here = points.gather(1, &pick.unsqueeze(-1).expand([b, 1, 3], false), false); // [B, 1, 3]
        let distance = (&points - here).square_().sum_dim_intlist(-1, false, Kind::Float);
        nearest = nearest.minimum(&distance);
        pick = nearest.argmax(1, true); // stays on the device, so that no pick is a synchronisation
    }
    picks
}

/// A small generator (splitmix64), so that a seed gives the same permutation on every platform.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`.
    fn below(&mut self, bound: i64) -> i64 {
        ((u128::from(self.next()) * bound.unsigned_abs() as u128) >> 64) as i64
    }

    fn permutation(&mut self, len: i64) -> Tensor {
        let mut order: Vec<i64> = (0..len).collect();
        for i in (1..order.len()).rev() {
            order.swap(i, self.below(i as i64 + 1) as usize);
        }
        Tensor::from_slice(&order).to_device(Device::Cpu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn farthest_points_of_a_line() {
        let x = Tensor::from_slice(&[0.0_f32, 1.0, 2.0, 10.0, 4.0]).view([1, 5, 1]);
        let points = Tensor::cat(&[x, Tensor::zeros([1, 5, 2], (Kind::Float, Device::Cpu))], 2);
        let picks = Vec::<i64>::try_from(farthest_points(&points, 5, 0).view(-1)).unwrap();
        assert_eq!(picks, [0, 3, 4, 2, 1]);
    }

    #[test]
    fn rows_of_a_batch_are_sampled_alone() {
        tch::manual_seed(1);
        let points = Tensor::randn([3, 200, 3], (Kind::Float, Device::Cpu));
        let together = farthest_points(&points, 20, 5);
        for row in 0..3 {
            assert!(farthest_points(&points.narrow(0, row, 1), 20, 5).equal(&together.narrow(0, row, 1)));
        }
    }

    #[test]
    fn a_seed_is_a_permutation() {
        let order = Vec::<i64>::try_from(SplitMix(7).permutation(1000)).unwrap();
        assert_ne!(order, (0..1000).collect::<Vec<_>>());
        let mut sorted = order;
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
    }
}

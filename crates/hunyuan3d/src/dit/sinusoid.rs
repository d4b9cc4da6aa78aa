use tch::{Device, Kind, Tensor};

/// Sines and cosines of a number at decreasing frequencies `period^(-j / half)`, j = 0..half.
#[derive(Debug)]
pub(super) struct Sinusoid {
    /// `[half]`, float32.
    frequencies: Tensor,
    factor: f64,
    order: Order,
}

/// Which half of the features comes first.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order {
    CosSin,
    SinCos,
}

impl Sinusoid {
    /// Of width `2 * half`. The number is multiplied by `factor` first.
    pub(super) fn new(half: i64, period: f64, factor: f64, order: Order, device: Device) -> Sinusoid {
        let rate = -period.ln() / half as f64;
        let frequencies: Vec<f32> = (0..half).map(|j| (rate * j as f64).exp() as f32).collect();
        Sinusoid { frequencies: Tensor::from_slice(&frequencies).to_device(device), factor, order }
    }

    /// `u` `[B]` -> `[B, 2 half]`, of the type of `u`. The factor is applied in that type, angles are taken in float32.
    pub(super) fn forward(&self, u: &Tensor) -> Tensor {
        let angles = (u * self.factor).to_kind(Kind::Float).unsqueeze(-1) * &self.frequencies; // [B, half]
        let (cos, sin) = (angles.cos(), angles.sin());
        let features = match self.order {
            Order::CosSin => Tensor::cat(&[cos, sin], -1),
            Order::SinCos => Tensor::cat(&[sin, cos], -1),
        };
        features.to_kind(u.kind())
    }
}

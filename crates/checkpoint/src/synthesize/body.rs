use super::random::SplitMix;
use crate::TensorSpec;
use crate::config::VaeConfig;

/// Where the body's surface is on the axes, of the decoder's box of about -1 to 1.
const RADIUS: f32 = 0.7;

/// Logit per unit of the carried function: the surface's logits leave the band around zero within some grid cells, as
/// a trained decoder's do.
const STEEPNESS: f32 = 20.0;

/// Weights of the geometry decoder that a body needs; `None` for all others.
///
/// With f the lowest frequency of the point embedding, cos fx + cos fy + cos fz - 2 - cos fR is positive in a rounded
/// body and negative around it. The first channel of the decoder carries it, the second its negative, and the output is
/// their difference. The other channels carry slow functions of position, from which attention and feed-forward make
/// bumps that depend on the latents.
pub(super) fn values(vae: &VaeConfig, seed: u64, spec: &TensorSpec) -> Option<Vec<f32>> {
    let part = &spec.name[spec.name.find("geo_decoder.")?..];
    let width = vae.geo_decoder_width() as usize;
    if vae.num_freqs < 1 || width < 3 {
        return None;
    }
    match part {
        "geo_decoder.query_proj.weight" => Some(query_weight(vae, SplitMix::of(seed, &spec.name), width)),
        "geo_decoder.query_proj.bias" => {
            let f = if vae.include_pi { std::f32::consts::PI } else { 1.0 };
            let threshold = 2.0 + (f * RADIUS).cos();
            Some(carried(width, -threshold))
        }
        "geo_decoder.output_proj.weight" => {
            // The final norm divides by the spread of the channels, which is about one half.
            let gain = if vae.geo_decoder_ln_post { STEEPNESS / 4.0 } else { STEEPNESS / 2.0 };
            Some(carried(width, gain))
        }
        "geo_decoder.output_proj.bias" => Some(vec![0.0]),
        _ => None,
    }
}

/// Scales down both branches of the geometry decoder, which add bumps to the body.
pub(super) fn damping(name: &str) -> f32 {
    let is_branch_end = name.contains("geo_decoder.") && name.ends_with("c_proj.weight");
    if is_branch_end { 0.1 } else { 1.0 }
}

/// `[w]`: a value, its negative, zeros.
fn carried(width: usize, value: f32) -> Vec<f32> {
    let mut values = vec![0.0; width];
    values[..2].copy_from_slice(&[value, -value]);
    values
}

/// `[w, 3 (2F + 1)]`; columns are the point, then sines, then cosines, each with all frequencies of x first.
fn query_weight(vae: &VaeConfig, mut random: SplitMix, width: usize) -> Vec<f32> {
    let frequencies = vae.num_freqs as usize;
    let columns = vae.fourier_width() as usize;
    let lowest_cosine = |axis: usize| 3 + 3 * frequencies + axis * frequencies;
    let mut values = vec![0.0; width * columns];
    for (row, sign) in [(0, 1.0), (1, -1.0)] {
        for axis in 0..3 {
            values[row * columns + lowest_cosine(axis)] = sign;
        }
    }
    for row in values.chunks_exact_mut(columns).skip(2) {
        random.fill(row, 0.0, 0.3);
        for (column, value) in row.iter_mut().enumerate() {
            let frequency = if column < 3 { 0 } else { (column - 3) % frequencies };
            // The weights fall steeply with the frequency, so that the field has one surface.
            *value *= 0.25f32.powi(frequency as i32);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Preset, Role};

    /// The function in the first channel is positive inside the radius and negative outside, on axes and diagonals.
    #[test]
    fn the_first_channel_is_a_body() {
        let vae = Preset::find("vae-v2-0").unwrap().config().vae.unwrap();
        let spec = |name: &str| TensorSpec { name: name.into(), shape: vec![], required: true, role: Role::Weight };
        let weight = values(&vae, 1, &spec("vae.geo_decoder.query_proj.weight")).unwrap();
        let bias = values(&vae, 1, &spec("vae.geo_decoder.query_proj.bias")).unwrap();
        // Section 9.1.
        let fourier = |point: [f32; 3]| {
            let angles: Vec<f32> = point.iter().flat_map(|p| (0..8).map(move |k| p * 2f32.powi(k))).collect();
            let waves = angles.iter().map(|a| a.sin()).chain(angles.iter().map(|a| a.cos()));
            point.into_iter().chain(waves).collect::<Vec<f32>>()
        };
        let channel = |row: usize, point: [f32; 3]| {
            let features = fourier(point);
            let weights = &weight[row * features.len()..][..features.len()];
            weights.iter().zip(&features).map(|(w, x)| w * x).sum::<f32>() + bias[row]
        };
        for direction in
            [[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [0.577, 0.577, -0.577], [0.0, 0.707, 0.707]]
        {
            let at = |radius: f32| channel(0, direction.map(|d: f32| d * radius));
            assert!(at(0.0) > 0.2 && at(RADIUS - 0.03) > 0.0, "{direction:?}");
            assert!(at(RADIUS + 0.03) < 0.0 && at(1.0) < -0.1, "{direction:?}");
            assert_eq!(channel(1, direction), -channel(0, direction));
        }
    }

    #[test]
    fn other_tensors_are_drawn() {
        let vae = Preset::find("vae-v2-0").unwrap().config().vae.unwrap();
        let spec = |name: &str| TensorSpec { name: name.into(), shape: vec![4, 4], required: true, role: Role::Weight };
        for name in ["vae.post_kl.weight", "model.latent_in.weight", "vae.geo_decoder.ln_post.weight"] {
            assert_eq!(values(&vae, 1, &spec(name)), None, "{name}");
        }
    }
}

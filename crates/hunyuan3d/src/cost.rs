//! Estimates of the operations and the memory of a job, from the configuration alone.

use checkpoint::PipelineConfig;
use checkpoint::config::DenoiserConfig;
use model::{Cost, Work};

/// Main memory that the extraction of the surface takes for each point of the lattice, in bytes. Measured from 256 to 512
/// cells along a side: 10 to 12.
const HOST_BYTES_PER_POINT: u64 = 12;

/// Share of the lattice that coarse-to-fine decoding evaluates: the surface of the shape, a few points thick. Measured for
/// 128 to 512 cells along a side: 20 to 6 of (R + 1)^2 points per layer.
const EVALUATED_LAYERS: f64 = 20.0;

/// A network: its parameters, its width, and its layers.
struct Network {
    parameters: f64,
    width: f64,
    layers: f64,
}

impl Network {
    /// A pass over `tokens`: two operations for each parameter and token, and the products of attention.
    fn pass(&self, tokens: f64) -> f64 {
        2.0 * self.parameters * tokens + 4.0 * tokens * tokens * self.width * self.layers
    }
}

/// The cost of a job with `views` images and `octree_resolution` cells along each side of its grid.
pub(crate) fn estimate(config: &PipelineConfig, views: usize, octree_resolution: u32) -> Cost {
    let manifest = config.manifest();
    let parameters = |component: &str| manifest.parameters_of(component) as f64;
    let (views, latents) = (views as f64, config.vae.num_latents as f64);

    let encoder = &config.conditioner.config;
    let encoder_network = Network {
        parameters: parameters("conditioner"),
        width: encoder.hidden_size as f64,
        layers: encoder.num_hidden_layers as f64,
    };
    let view_tokens = config.conditioner.tokens_per_view() as f64;
    let (width, layers, embeds_guidance) = match &config.model {
        DenoiserConfig::Hunyuan3DDiT(c) => (c.hidden_size, c.depth + c.depth_single_blocks, c.guidance_embed),
        DenoiserConfig::HunYuanDiTPlain(c) => (c.hidden_size, c.depth, false),
    };
    let denoiser = Network { parameters: parameters("model"), width: width as f64, layers: layers as f64 };
    let tokens = latents + views * view_tokens;
    let passes = if embeds_guidance { 1.0 } else { 2.0 };

    let vae = &config.vae;
    let decoder =
        Network { parameters: parameters("vae"), width: vae.width as f64, layers: vae.num_decoder_layers as f64 };
    let points = f64::from(octree_resolution) + 1.0;
    let evaluated = (EVALUATED_LAYERS * points * points).min(points.powi(3));
    let point_width = vae.geo_decoder_width() as f64;
    let per_point = 4.0 * latents * point_width
        + 2.0 * point_width * point_width * (4.0 + 2.0 * vae.geo_decoder_mlp_expand_ratio as f64);

    // Activations: some ten tensors of a token's width are alive at once, and the hidden layer is four times as wide.
    let activations = |tokens: f64, width: f64| (tokens * width * 14.0 * 4.0) as u64;
    Cost {
        encode: Work {
            flops: views * encoder_network.pass(view_tokens),
            bytes: activations(views * view_tokens, encoder_network.width),
        },
        step: Work { flops: passes * denoiser.pass(tokens), bytes: activations(passes * tokens, denoiser.width) },
        decode: Work {
            flops: decoder.pass(latents) + evaluated * per_point,
            bytes: (evaluated * 24.0 + points.powi(3) * 8.0) as u64,
        },
        field_bytes: HOST_BYTES_PER_POINT * (points as u64).pow(3),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_cost_of_the_shipped_model_is_of_the_right_order() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/orfeas-tiny");
        let config = PipelineConfig::read(dir.as_ref()).unwrap();
        let cost = estimate(&config, 1, 128);
        assert!((1e9..2e10).contains(&cost.step.flops), "{cost:?}");
        assert!((1e10..3e11).contains(&cost.decode.flops), "{cost:?}");
        assert_eq!(cost.field_bytes, 12 * 129_u64.pow(3));
        assert!(estimate(&config, 1, 512).decode.flops > 10.0 * cost.decode.flops);
        assert!(estimate(&config, 4, 128).step.flops > cost.step.flops);
    }
}

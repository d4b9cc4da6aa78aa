//! Times the volume decoding of a VAE: `decode_time DIR RESOLUTION [CHUNK|auto] [DECODER ...]`.
//!
//! DIR holds a configuration and weights with a `vae` part (or a VAE alone). For each decoder (dense, hierarchical,
//! mean, merge; all if none is named) prints wall-clock and processor time, best of several runs, and the sizes of the result,
//! for the first shape of DIR/latents.safetensors, or for seeded random latents.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::{Duration, Instant};

use checkpoint::config::PartialConfig;
use hunyuan3d::probe::Probe;
use hunyuan3d::vae::ShapeVae;
use hunyuan3d::volume::{DecodeOptions, Decoder, FlashMode, VertexMapping, decode};
use hunyuan3d::{Device, Dtype, Weights, device};
use tch::{Kind, Tensor};

const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dir = arguments.next().ok_or("usage: decode_time DIR RESOLUTION [CHUNK]")?;
    let dir = Path::new(&dir);
    let octree_resolution = arguments.next().ok_or("a resolution is missing")?.parse()?;
    let chunk = arguments.next().filter(|chunk| chunk != "auto").map(|chunk| chunk.parse()).transpose()?;
    let named: Vec<String> = arguments.collect();

    let device = device::open(Device::Auto)?;
    let parts = PartialConfig::read(dir)?;
    let config = parts.vae.ok_or("the configuration has no VAE")?;
    let root = Weights::open(&checkpoint::find_weights(dir)?, device, device::kind(Dtype::Auto, device))?;
    let weights = if parts.stand_alone_vae { root } else { &root / "vae" };
    let _guard = tch::no_grad_guard();
    let vae = ShapeVae::new(&weights, &config)?;
    let latents = match Tensor::read_safetensors(dir.join("latents.safetensors")) {
        Ok(mut tensors) if !tensors.is_empty() => tensors.swap_remove(0).1.narrow(0, 0, 1).to_device(device),
        _ => {
            tch::manual_seed(0);
            Tensor::randn([1, config.num_latents, config.embed_dim], (Kind::Float, tch::Device::Cpu)).to_device(device)
        }
    };
    let tokens = vae.decode(&(latents / vae.scale_factor()), Probe::NONE);
    let shapes = vae.geo_decoder().latent_key_values(&tokens, Probe::NONE);

    for (name, decoder) in [
        ("dense", Decoder::Dense),
        ("hierarchical", Decoder::Hierarchical),
        ("mean", Decoder::FlashVdm(FlashMode::Mean)),
        ("merge", Decoder::FlashVdm(FlashMode::Merge)),
    ] {
        if !named.is_empty() && !named.iter().any(|wanted| wanted == name) {
            continue;
        }
        let options = DecodeOptions { octree_resolution, decoder, chunk, ..DecodeOptions::default() };
        let (mut wall, mut processor) = (Duration::MAX, Duration::MAX);
        let mut fields = Vec::new();
        for _ in 0..RUNS {
            let (start, start_processor) = (Instant::now(), processor_time());
            fields = decode(vae.geo_decoder(), &shapes, &options)?;
            wall = wall.min(start.elapsed());
            processor = processor.min(processor_time() - start_processor);
        }
        for field in fields {
            let points = field.dense().iter().filter(|v| !v.is_nan()).count();
            let measures = mesh::measure(&field.to_mesh(0.0, VertexMapping::Corrected));
            println!(
                "{name} {octree_resolution}: {wall:.3?} wall, {processor:.3?} processor; {points} points on the last level; \
                 {} faces, volume {:.5}, watertight {}",
                measures.faces, measures.volume, measures.watertight
            );
        }
    }
    Ok(())
}

/// User time of this process so far; zero where the system does not report it.
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name.split_whitespace().nth(11).and_then(|ticks| ticks.parse().ok()).unwrap_or(0);
    Duration::from_millis(ticks * 10)
}

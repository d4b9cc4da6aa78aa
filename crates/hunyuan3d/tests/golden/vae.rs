//! `vae-*`: the shape VAE, decoder path from latents or from an encoded surface.

use checkpoint::config::{PartialConfig, VaeConfig};
use hunyuan3d::Weights;
use hunyuan3d::probe::Probe;
use hunyuan3d::vae::{ShapeVae, SurfaceSampling, farthest_points};
use tch::{Device, Kind, Tensor};

use crate::case::Case;
use crate::compare::{Report, Stages, Tolerance};

const STAGE: Tolerance = Tolerance::rel(1e-4);
const LOGITS: Tolerance = Tolerance { abs: 1e-4, rel: 1e-4 };
const LATENTS: Tolerance = Tolerance { abs: 2e-4, rel: 1e-4 };
const ALONE: Tolerance = Tolerance::rel(1e-5);

/// The case's VAE and its configuration.
pub(crate) fn load(case: &Case) -> (ShapeVae, VaeConfig) {
    let parts = PartialConfig::read(&case.dir).unwrap();
    let config = parts.vae.unwrap();
    let root = Weights::open(&case.dir.join("model.safetensors"), Device::Cpu, Kind::Float).unwrap();
    let weights = if parts.stand_alone_vae { root } else { &root / "vae" };
    (ShapeVae::new(&weights, &config).unwrap(), config)
}

pub(crate) fn check(case: &Case, report: &mut Report) {
    assert_eq!(case.target("vae"), "ShapeVAE");
    let (vae, config) = load(case);
    let stages = Stages::default();
    // The round trip of a surface does not pass through the denoiser's scale.
    let latents = if case.has("surface") {
        encode(case, &vae, &config, &stages, report)
    } else {
        case.tensor("latents") / vae.scale_factor()
    };

    let decoded = stages.watch(|probe| vae.decode(&latents, probe));
    report.tensor(case, "decoded_latents", &decoded, STAGE);
    let points = case.tensor("queries");
    let logits = stages.watch(|probe| {
        let shapes = vae.geo_decoder().latent_key_values(&decoded, probe);
        vae.geo_decoder().forward(&points, &shapes, probe)
    });
    report.tensor(case, "logits", &logits, LOGITS);
    report.stages(case, &stages, STAGE);

    for row in 0..latents.size()[0] {
        let decoded = vae.decode(&latents.narrow(0, row, 1), Probe::NONE);
        let shape = vae.geo_decoder().latent_key_values(&decoded, Probe::NONE);
        let alone = vae.geo_decoder().forward(&points.narrow(0, row, 1), &shape, Probe::NONE);
        report.close(&format!("logits of row {row} alone"), &alone, &logits.narrow(0, row, 1), ALONE);
    }
}

/// Encodes the case's surface with its permutations; the posterior's mode.
fn encode(case: &Case, vae: &ShapeVae, config: &VaeConfig, stages: &Stages, report: &mut Report) -> Tensor {
    let encoder = vae.encoder().unwrap();
    let surface = case.tensor("surface");
    let uniform = surface.narrow(1, 0, config.pc_size);
    let sharp = surface.narrow(1, config.pc_size, config.pc_sharpedge_size);
    let (uniform_perm, uniform_start) = sampling(case, "random", &uniform, config, report);
    let (sharp_perm, sharp_start) = sampling(case, "sharpedge", &sharp, config, report);
    let sampling = SurfaceSampling { uniform: uniform_perm, sharp: sharp_perm, start: [uniform_start, sharp_start] };

    let posterior = stages.watch(|probe| encoder.encode(&surface, &sampling, probe)).unwrap();
    report.tensor(case, "posterior_mode", posterior.mode(), LATENTS);
    report.tensor(case, "posterior_logvar", posterior.log_variance(), LATENTS);
    for row in 0..surface.size()[0] {
        let alone = encoder.encode(&surface.narrow(0, row, 1), &sampling, Probe::NONE).unwrap();
        let expected = posterior.mode().narrow(0, row, 1);
        report.close(&format!("posterior mode of row {row} alone"), alone.mode(), &expected, ALONE);
    }
    posterior.mode().shallow_clone()
}

/// The stored permutation of one kind of points and where farthest-point sampling starts in it, after checking that
/// the sampling makes the stored picks.
fn sampling(case: &Case, kind: &str, points: &Tensor, config: &VaeConfig, report: &mut Report) -> (Tensor, i64) {
    let Some(permutation) = case.find(&format!("sampling.{kind}_perm")) else {
        return (Tensor::arange(points.size()[1], (Kind::Int64, Device::Cpu)), 0);
    };
    let name = format!("sampling.{kind}_fps_flat_idx");
    let batch = points.size()[0];
    let picks = case.tensor(&name).view([batch, -1]);
    let count = picks.size()[1];
    let kept = ((count as f64 * config.downsample_ratio) as i64).min(points.size()[1]);
    let start = picks.int64_value(&[0, 0]);

    let data = points.index_select(1, &permutation.narrow(0, 0, kept)).narrow(2, 0, 3);
    let row_offset = Tensor::arange(batch, (Kind::Int64, Device::Cpu)).unsqueeze(1) * kept;
    let own = farthest_points(&data, count, start) + row_offset;
    report.holds(own.equal(&picks), || format!("{name}: other points are picked"));
    (permutation, start)
}

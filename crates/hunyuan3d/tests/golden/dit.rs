//! `dit-*`: one pass of a denoiser, with all stages.

use checkpoint::config::{DenoiserConfig, PartialConfig};
use hunyuan3d::Weights;
use hunyuan3d::dit::{Denoiser, Input, denoiser};
use hunyuan3d::probe::Probe;
use tch::{Device, Kind, Tensor};

use crate::case::Case;
use crate::compare::{Report, Stages, Tolerance};

const STAGE: Tolerance = Tolerance::rel(1e-4);
const OUT: Tolerance = Tolerance { abs: 2e-4, rel: 1e-4 };
const ALONE: Tolerance = Tolerance::rel(1e-5);

pub(crate) fn check(case: &Case, report: &mut Report) {
    let config = PartialConfig::read(&case.dir).unwrap();
    let file = case.dir.join("model.safetensors");
    let root = Weights::open(&file, Device::Cpu, Kind::Float).unwrap();
    let mismatch = config.manifest().check(&checkpoint::WeightFile::open(&file).unwrap());
    report.holds(mismatch.is_ok(), || format!("{mismatch:?}"));
    let config = config.model.unwrap();
    let scaled = matches!(config, DenoiserConfig::Hunyuan3DDiT(_));
    let model = denoiser(&config, &(&root / "model")).unwrap();

    let (latents, time, context) = (case.tensor("x"), case.tensor("t"), case.tensor("cond_main"));
    let guidance = case.find("guidance");
    report.holds(guidance.is_some() == model.guidance_embed(), || "guidance embedding".to_owned());
    let rows = |from: i64, count: i64, probe: Probe<'_>| {
        let narrow = |x: &Tensor| x.narrow(0, from, count);
        let (latents, time, context) = (narrow(&latents), narrow(&time), narrow(&context));
        let guidance = guidance.as_ref().map(narrow);
        let input = Input { latents: &latents, time: &time, context: &context, guidance: guidance.as_ref() };
        model.forward(&input, probe)
    };

    let stages = Stages::default();
    let batch = latents.size()[0];
    let out = stages.watch(|probe| rows(0, batch, probe));
    report.tensor(case, "out", &out, OUT);
    report.stages_with(case, &stages, |stage| match (stage, &guidance) {
        ("timestep_embedding", _) if scaled => angle_tolerance(&time),
        ("guidance_embedding", Some(guidance)) => angle_tolerance(guidance),
        _ => STAGE,
    });
    for row in 0..batch {
        let what = format!("out of row {row} alone");
        report.close(&what, &rows(row, 1, Probe::NONE), &out.narrow(0, row, 1), ALONE);
    }
    inputs_stay(&*model, &latents, &time, &context, guidance.as_ref(), report);
}

/// The 2.0 family takes sines of angles up to `1000 * u`, each the rounded product of two rounded numbers: two
/// implementations, or two exponential functions, agree only up to the float32 rounding of such an angle.
fn angle_tolerance(u: &Tensor) -> Tolerance {
    let angle = 1000.0 * u.abs().max().double_value(&[]);
    Tolerance::abs((angle * f64::from(f32::EPSILON)).max(STAGE.rel))
}

/// A pass works in place where it can, but never on its inputs.
fn inputs_stay(
    model: &dyn Denoiser,
    latents: &Tensor,
    time: &Tensor,
    context: &Tensor,
    guidance: Option<&Tensor>,
    report: &mut Report,
) {
    let inputs = || [latents, time, context].into_iter().chain(guidance);
    let before: Vec<Tensor> = inputs().map(Tensor::copy).collect();
    let _ = model.forward(&Input { latents, time, context, guidance }, Probe::NONE);
    let same = inputs().zip(&before).all(|(after, before)| after.equal(before));
    report.holds(same, || "the pass has changed its inputs".to_owned());
}

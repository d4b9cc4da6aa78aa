//! `e2e-*`: a whole model, from picture files to meshes, with the case's initial noise.

use std::path::Path;

use hunyuan3d::dit::Input;
use hunyuan3d::probe::Probe;
use hunyuan3d::volume::Decoder;
use hunyuan3d::{
    Conditioning, Device, Dtype, LoadOptions, Pipeline, Processed, Sample, VertexMapping, View, decode_image,
};
use serde_json::Value;
use tch::Tensor;

use crate::case::Case;
use crate::compare::{Report, Tolerance};
use crate::image_processor::check_levels;
use crate::surface::number;
use crate::vol::{check_field, check_run_measures, options};

const EXACT: Tolerance = Tolerance::abs(0.0);
const CONTEXT: Tolerance = Tolerance { abs: 5e-5, rel: 1e-4 };
const OUTPUT: Tolerance = Tolerance { abs: 2e-4, rel: 1e-4 };
const LATENTS: Tolerance = Tolerance { abs: 2e-3, rel: 5e-4 };
const DECODED: Tolerance = Tolerance::rel(5e-4);
const LOGITS: Tolerance = Tolerance::abs(5e-3);
const ALONE: Tolerance = Tolerance::rel(1e-5);
/// Relative, of a mesh's area and volume.
const SIZE: f64 = 5e-3;

pub(crate) fn check(case: &Case, report: &mut Report) {
    let run = case.json("run.json");
    let options = LoadOptions { device: Device::Cpu, dtype: Dtype::F32, ..LoadOptions::default() };
    let model = Pipeline::load(&case.dir, &options).unwrap();
    let steps = number(&run, "num_inference_steps") as u32;
    let guidance_scale = number(&run, "guidance_scale");

    let mut pictures = pictures(case, &run, &model);
    let images: Vec<&Tensor> = pictures.iter().map(|picture| &picture.image).collect();
    let expected = case.tensor("image");
    check_levels("image", &Tensor::cat(&images, 0), &expected, Some(2.0 / 255.0), report);
    // The following tolerances are tighter than the effect of a pixel that is off by one level.
    for (picture, image) in pictures.iter_mut().zip(expected.split(1, 0)) {
        picture.image = image;
    }
    if let Some(expected) = case.find("view_idxs") {
        let slots: Vec<Tensor> = pictures.iter().map(|picture| Tensor::from_slice(&picture.slots())).collect();
        report.close("view_idxs", &Tensor::stack(&slots, 0), &expected, EXACT);
    }
    let context = contexts(&model.encode(&pictures.iter().collect::<Vec<_>>()).unwrap());
    let context = match case.find("cond_with_uncond") {
        Some(expected) => {
            let both = Tensor::cat(&[&context, &context.zeros_like()], 0);
            report.close("cond_with_uncond", &both, &expected, CONTEXT);
            both
        }
        None => {
            report.tensor(case, "cond", &context, CONTEXT);
            context
        }
    };

    let noise = case.tensor("initial_latents");
    let start = |picture: &Processed, row: i64| {
        let conditioning = model.encode(&[picture]).unwrap().remove(0);
        model.start_from(conditioning, &noise.narrow(0, row, 1), steps, guidance_scale).unwrap()
    };
    let mut samples: Vec<Sample> = pictures.iter().zip(0..).map(|(picture, row)| start(picture, row)).collect();
    let after_each_step = case.tensor("latents_after_each_step");
    for step in 0..steps {
        model.step(&mut samples.iter_mut().collect::<Vec<_>>()).unwrap();
        let what = format!("latents after step {step}");
        report.close(&what, &latents(&samples), &after_each_step.get(step.into()), LATENTS);
    }
    report.holds(samples.iter().all(Sample::is_done), || "not done after all steps".to_owned());
    let got = latents(&samples);
    report.tensor(case, "latents", &got, LATENTS);
    check_model_outputs(case, &model, &context, &noise, &after_each_step, guidance_scale, report);

    let mut alone = start(&pictures[0], 0);
    while !alone.is_done() {
        model.step(&mut [&mut alone]).unwrap();
    }
    report.close("first sample alone", alone.latents(), &got.narrow(0, 0, 1), ALONE);
    if case.has("batch1.latents") {
        report.tensor(case, "batch1.latents", alone.latents(), LATENTS);
    }
    check_mixed_batch(&model, &pictures, &noise, &samples, steps, guidance_scale, report);
    check_shapes(case, &run, &model, &samples, report);
}

/// The run's pictures: each a sample, or, for multi-view models, the views of one, named by their files.
fn pictures(case: &Case, run: &Value, model: &Pipeline) -> Vec<Processed> {
    let files: Vec<&str> = run["images"].as_array().unwrap().iter().map(|file| file.as_str().unwrap()).collect();
    let read = |file: &&str| decode_image(&std::fs::read(case.dir.join(file)).unwrap()).unwrap();
    if model.info().multi_view {
        let view = |file: &&str| Path::new(file).file_stem().unwrap().to_str().unwrap().parse::<View>().unwrap();
        vec![model.preprocess(&files.iter().map(|file| (view(file), read(file))).collect::<Vec<_>>()).unwrap()]
    } else {
        let process = |file: &&str| model.preprocess(&[(View::Front, read(file))]).unwrap();
        files.iter().map(process).collect()
    }
}

fn contexts(conditionings: &[Conditioning]) -> Tensor {
    Tensor::cat(&conditionings.iter().map(Conditioning::context).collect::<Vec<_>>(), 0)
}

fn latents(samples: &[Sample]) -> Tensor {
    Tensor::cat(&samples.iter().map(Sample::latents).collect::<Vec<_>>(), 0)
}

/// The time inputs of the denoiser at each step, and its outputs at the first and the last step: of all rows, then of the
/// unconditional ones. `context` [B or 2B, T, X].
fn check_model_outputs(
    case: &Case,
    model: &Pipeline,
    context: &Tensor,
    noise: &Tensor,
    after_each_step: &Tensor,
    guidance_scale: f64,
    report: &mut Report,
) {
    let (steps, rows) = (after_each_step.size()[0], context.size()[0]);
    let schedule = model.scheduler().schedule(steps as u32);
    let times = hunyuan3d::scheduler::network_time(&schedule.timesteps, schedule.scale, tch::Kind::Float);
    let times = times.unsqueeze(1).repeat([1, rows]); // [steps, B or 2B]
    report.tensor(case, "timesteps_model", &times, Tolerance::abs(1e-6));

    let guidance = model.denoiser().guidance_embed().then(|| times.get(0).full_like(guidance_scale));
    let output = |step: i64| {
        let x = if step == 0 { noise.shallow_clone() } else { after_each_step.get(step - 1) };
        let latents = x.repeat([rows / x.size()[0], 1, 1]);
        let input = Input { latents: &latents, time: &times.get(step), context, guidance: guidance.as_ref() };
        model.denoiser().forward(&input, Probe::NONE)
    };
    report.tensor(case, "model_output_step0", &output(0), OUTPUT);
    report.tensor(case, "model_output_last", &output(steps - 1), OUTPUT);
}

/// A sample that shares its steps with samples of other lengths and guidance, which join and leave, ends as it does in a
/// uniform batch.
fn check_mixed_batch(
    model: &Pipeline,
    pictures: &[Processed],
    noise: &Tensor,
    expected: &[Sample],
    steps: u32,
    guidance_scale: f64,
    report: &mut Report,
) {
    let last = pictures.len() - 1;
    let start = |picture: usize, steps: u32, guidance_scale: f64| {
        let conditioning = model.encode(&[&pictures[picture]]).unwrap().remove(0);
        model.start_from(conditioning, &noise.narrow(0, picture as i64, 1), steps, guidance_scale).unwrap()
    };
    let mut sample = start(last, steps, guidance_scale);
    let mut shorter = start(0, steps - 1, 2.0);
    let mut late = start(0, steps + 3, -1.0);
    while !sample.is_done() {
        let mut rows = vec![&mut shorter, &mut sample];
        if rows[1].step() >= 2 {
            rows.insert(0, &mut late);
        }
        model.step(&mut rows).unwrap();
    }
    report.close("sample in a mixed batch", sample.latents(), expected[last].latents(), ALONE);
    report.holds(shorter.is_done() && !late.is_done(), || "others at the wrong step".to_owned());

    let mut shorter_alone = start(0, steps - 1, 2.0);
    while !shorter_alone.is_done() {
        model.step(&mut [&mut shorter_alone]).unwrap();
    }
    report.close("shorter sample alone", shorter.latents(), shorter_alone.latents(), ALONE);
}

/// Fields and surfaces of the run's list.
fn check_shapes(case: &Case, run: &Value, model: &Pipeline, samples: &[Sample], report: &mut Report) {
    let vae = model.vae();
    let decoded = vae.decode(&(latents(samples) / vae.scale_factor()), Probe::NONE);
    report.tensor(case, "decoded_latents", &decoded, DECODED);
    for (name, entry) in run["meshes"].as_object().unwrap() {
        let options = options(entry, run);
        let row = number(entry, "sample") as usize;
        let field = model.decode(&[&samples[row]], &options).unwrap().remove(0);
        let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
        match case.find(&format!("{stem}.logits")).filter(|logits| logits.dim() == 4) {
            Some(logits) => {
                let got = Tensor::from_slice(&field.dense()).view(field.shape.map(|points| points as i64));
                report.close(&format!("{name}.logits"), &got, &logits.get(row as i64), LOGITS);
            }
            None => check_field(case, stem, &field, options.decoder, report),
        }
        let surface = field.to_mesh(options.mc_level, VertexMapping::Reference);
        let sparse = matches!(options.decoder, Decoder::FlashVdm(_));
        check_run_measures(name, &surface, entry, SIZE, !sparse, report);
    }
}

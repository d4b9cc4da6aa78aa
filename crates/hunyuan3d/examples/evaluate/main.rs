//! Quality of a checkpoint on held-out shapes, through this crate: `evaluate MODEL SET [STEPS GUIDANCE RESOLUTION EVERY]`.
//!
//! SET is a folder that `training/heldout.py` wrote: pictures and their ground truth. Every picture becomes a
//! mesh as a user would get it (preprocessing, encoder, denoising, hierarchical decoding, surface, corrected vertex
//! mapping), and the mesh is compared with the ground truth:
//!
//! * volumetric IoU: 64^3 cell centres of [-1, 1]^3, the mesh's inside by parity along z;
//! * F-score at 0.05 and Chamfer distance: 10,000 points of the mesh against points of the true surface;
//! * whether the mesh is watertight.
#![allow(clippy::print_stdout)]

mod heldout;
mod metrics;

use heldout::{HeldOut, Truth};
use hunyuan3d::{DecodeOptions, LoadOptions, Pipeline, SampleRequest, VertexMapping, View, decode_image};
use std::collections::BTreeMap;
use std::path::Path;

/// Points of the mesh that are compared with the true surface.
const POINTS: usize = 10_000;
/// Threshold of the F-score.
const THRESHOLD: f32 = 0.05;

/// The scores of one shape.
struct Score {
    iou: f64,
    f: f64,
    chamfer: f64,
    watertight: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, set, settings @ ..] = arguments.as_slice() else {
        return Err("usage: evaluate MODEL SET [STEPS GUIDANCE RESOLUTION EVERY]".into());
    };
    let pipeline = Pipeline::load(Path::new(model), &LoadOptions::default())?;
    let info = pipeline.info();
    let steps = settings.first().map_or(Ok(info.steps), |text| text.parse())?;
    let guidance_scale = settings.get(1).map_or(Ok(info.guidance_scale), |text| text.parse())?;
    let octree_resolution = settings.get(2).map_or(Ok(info.octree_resolution), |text| text.parse())?;
    let every = settings.get(3).map_or(Ok(1), |text| text.parse())?;
    let set = HeldOut::open(Path::new(set))?;
    println!(
        "{} {} {}: {} shapes, {steps} steps, guidance {guidance_scale}, grid {octree_resolution}",
        info.name,
        pipeline.device(),
        pipeline.dtype(),
        set.len().div_ceil(every)
    );

    let mut families: BTreeMap<String, Vec<Score>> = BTreeMap::new();
    for n in (0..set.len()).step_by(every) {
        let truth = set.truth(n)?;
        let images = [(View::Front, decode_image(&std::fs::read(&truth.picture)?)?)];
        let mut encoded = pipeline.encode(&[&pipeline.preprocess(&images)?])?;
        let request = SampleRequest { steps, guidance_scale, seed: n as u64 };
        let mut sample = pipeline.start(encoded.pop().ok_or("nothing encoded")?, &request)?;
        while !sample.is_done() {
            pipeline.step(&mut [&mut sample])?;
        }
        let options = DecodeOptions { octree_resolution, ..DecodeOptions::default() };
        let fields = pipeline.decode(&[&sample], &options)?;
        let field = fields.first().ok_or("nothing decoded")?;
        let mesh = field.to_mesh(0.0, VertexMapping::Corrected);
        families.entry(truth.family.clone()).or_default().push(score(&mesh, &truth));
    }

    println!(
        "{:<12} {:>5} {:>7} {:>7} {:>7} {:>7} {:>8}  closed",
        "family", "n", "IoU", "mean", "F", "mean", "Chamfer"
    );
    for (family, scores) in &families {
        print_row(family, &scores.iter().collect::<Vec<_>>());
    }
    print_row("all", &families.values().flatten().collect::<Vec<_>>());
    Ok(())
}

fn score(mesh: &mesh::Mesh, truth: &Truth) -> Score {
    if mesh.faces.is_empty() {
        return Score { iou: 0.0, f: 0.0, chamfer: f64::NAN, watertight: false };
    }
    let iou = metrics::iou(&metrics::occupancy(mesh), &truth.occupancy);
    let (f, chamfer) = metrics::f_score_and_chamfer(&metrics::surface_points(mesh, POINTS), &truth.surface, THRESHOLD);
    Score { iou, f, chamfer, watertight: mesh::measure(mesh).watertight }
}

/// Medians and means of some shapes.
fn print_row(name: &str, scores: &[&Score]) {
    let mean = |of: fn(&Score) -> f64| scores.iter().map(|s| of(s)).sum::<f64>() / scores.len() as f64;
    let median = |of: fn(&Score) -> f64| {
        let mut values: Vec<f64> = scores.iter().map(|s| of(s)).collect();
        values.sort_by(f64::total_cmp);
        let half = values.len() / 2;
        if values.len().is_multiple_of(2) { (values[half - 1] + values[half]) / 2.0 } else { values[half] }
    };
    let closed = scores.iter().filter(|s| s.watertight).count();
    println!(
        "{name:<12} {:>5} {:>7.3} {:>7.3} {:>7.4} {:>7.4} {:>8.4}  {closed}",
        scores.len(),
        median(|s| s.iou),
        mean(|s| s.iou),
        median(|s| s.f),
        mean(|s| s.f),
        median(|s| s.chamfer),
    );
}

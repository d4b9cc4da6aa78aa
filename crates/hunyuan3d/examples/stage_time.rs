//! How long each stage of a model takes: `stage_time DIR PICTURE [BATCH] [RESOLUTION]`.
//!
//! DIR is a model directory, PICTURE one image file, used for every row of the batch. Prints the best wall-clock time of
//! several runs of each stage, in milliseconds, and their sum; steps and guidance are the model's defaults.

#![allow(clippy::print_stdout)]

use std::path::Path;
use std::time::Instant;

use hunyuan3d::{DecodeOptions, ImageTo3d, LoadOptions, Picture, Pipeline, Sample, SampleRequest};

const RUNS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(dir), Some(picture)) = (arguments.next(), arguments.next()) else {
        return Err("usage: stage_time DIR PICTURE [BATCH] [RESOLUTION]".into());
    };
    let batch: usize = arguments.next().map_or(Ok(1), |batch| batch.parse())?;
    let model = Pipeline::load(Path::new(&dir), &LoadOptions::default())?;
    let info = model.info();
    let octree_resolution = arguments.next().map_or(Ok(info.default_octree_resolution), |cells| cells.parse())?;
    let options = DecodeOptions { octree_resolution, ..DecodeOptions::default() };
    let picture = Picture::decode(&std::fs::read(picture)?)?;

    let mut best = [f64::INFINITY; 5];
    for _ in 0..RUNS {
        let mut stages = best.iter_mut();
        let mut stage = |begun: Instant| {
            let milliseconds = begun.elapsed().as_secs_f64() * 1e3;
            let best = stages.next().expect("five stages. This is a bug.");
            *best = best.min(milliseconds);
        };
        let begun = Instant::now();
        let processed = (0..batch).map(|_| model.preprocess(&picture)).collect::<Result<Vec<_>, _>>()?;
        stage(begun);
        let begun = Instant::now();
        let conditionings = model.encode(&processed)?;
        stage(begun);
        let begun = Instant::now();
        let request =
            |seed| SampleRequest { steps: info.default_steps, guidance_scale: info.default_guidance_scale, seed };
        let samples = (0..).zip(conditionings).map(|(seed, conditioning)| model.start(conditioning, &request(seed)));
        let mut samples = samples.collect::<Result<Vec<Sample>, _>>()?;
        stage(begun);
        let begun = Instant::now();
        while !samples[0].is_done() {
            model.step(&mut samples.iter_mut().collect::<Vec<_>>())?;
        }
        stage(begun);
        let begun = Instant::now();
        let fields = model.decode(&samples.iter().collect::<Vec<_>>(), &options)?;
        stage(begun);
        assert!(fields.iter().all(|field| !field.values.is_empty()));
    }
    println!("{} {} {} batch {batch} steps {}", info.name, info.device, info.dtype, info.default_steps);
    for (name, milliseconds) in ["preprocess", "encode", "start", "steps", "decode"].iter().zip(best) {
        println!("{name:<12} {milliseconds:>10.2} ms");
    }
    println!("{:<12} {:>10.2} ms", "sum", best.iter().sum::<f64>());
    Ok(())
}

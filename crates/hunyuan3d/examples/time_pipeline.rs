//! Makes shapes for each seed read from standard input, and prints the seconds of each stage as a line of JSON.
//!
//! `time_pipeline MODEL PICTURE THREADS [BATCH]`: our side of `cargo xtask bench`, which runs it beside PyTorch eager.
//! With BATCH, that many shapes at once, of this seed and the following ones.
#![allow(clippy::print_stdout)]

use hunyuan3d::{
    Device, Dtype, LoadOptions, Pipeline, Sample, SampleRequest, View, decode_image, volume::DecodeOptions,
};
use std::error::Error;
use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

const STEPS: u32 = 20;
const GUIDANCE: f64 = 2.0;
const RESOLUTION: u32 = 128;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, picture, threads, batch @ ..] = arguments.as_slice() else {
        return Err("MODEL PICTURE THREADS [BATCH]".into());
    };
    let batch: u64 = batch.first().map_or(Ok(1), |batch| batch.parse())?;
    tch::set_num_threads(threads.parse()?);
    let options = LoadOptions { device: Device::Cpu, dtype: Dtype::F32, ..LoadOptions::default() };
    let pipeline = Pipeline::load(Path::new(model), &options)?;
    let images = [(View::Front, decode_image(&std::fs::read(picture)?)?)];
    let pictures = (0..batch).map(|_| pipeline.preprocess(&images)).collect::<Result<Vec<_>, _>>()?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let first: u64 = line?.parse()?;
        let start = Instant::now();
        let encoded = pipeline.encode(&pictures.iter().collect::<Vec<_>>())?;
        let encode = start.elapsed().as_secs_f64();
        let request = |seed| SampleRequest { steps: STEPS, guidance_scale: GUIDANCE, seed };
        let begun = (first..).zip(encoded).map(|(seed, conditioning)| pipeline.start(conditioning, &request(seed)));
        let mut samples = begun.collect::<Result<Vec<_>, _>>()?;
        while !samples.iter().all(Sample::is_done) {
            pipeline.step(&mut samples.iter_mut().collect::<Vec<_>>())?;
        }
        let denoise = start.elapsed().as_secs_f64() - encode;
        let options = DecodeOptions { octree_resolution: RESOLUTION, ..DecodeOptions::default() };
        pipeline.decode(&samples.iter().collect::<Vec<_>>(), &options)?;
        let total = start.elapsed().as_secs_f64();
        let decode = total - denoise - encode;
        println!(r#"{{"encode":{encode},"denoise":{denoise},"decode":{decode},"total":{total}}}"#);
    }
    Ok(())
}

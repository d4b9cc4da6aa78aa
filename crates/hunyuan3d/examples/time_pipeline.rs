//! Makes one shape for each seed read from standard input, and prints the seconds of each stage as a line of JSON.
//!
//! `time_pipeline MODEL PICTURE THREADS`: our side of `cargo xtask bench`, which runs it beside PyTorch eager.
#![allow(clippy::print_stdout)]

use hunyuan3d::image::Picture;
use hunyuan3d::{Device, Dtype, ImageTo3d, LoadOptions, Pipeline, SampleRequest, volume::DecodeOptions};
use std::error::Error;
use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

const STEPS: u32 = 20;
const GUIDANCE: f64 = 2.0;
const RESOLUTION: u32 = 128;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, picture, threads] = arguments.as_slice() else { return Err("MODEL PICTURE THREADS".into()) };
    tch::set_num_threads(threads.parse()?);
    let options = LoadOptions { device: Device::Cpu, dtype: Dtype::F32 };
    let pipeline = Pipeline::load(Path::new(model), &options)?;
    let picture = Picture::decode(&std::fs::read(picture)?)?;
    println!("ready");
    for line in std::io::stdin().lock().lines() {
        let request = SampleRequest { steps: STEPS, guidance_scale: GUIDANCE, seed: line?.parse()? };
        let start = Instant::now();
        let mut encoded = pipeline.encode(&[pipeline.preprocess(&picture)?])?;
        let encode = start.elapsed().as_secs_f64();
        let mut sample = pipeline.start(encoded.pop().ok_or("nothing encoded")?, &request)?;
        while !sample.is_done() {
            pipeline.step(&mut [&mut sample])?;
        }
        let denoise = start.elapsed().as_secs_f64() - encode;
        pipeline.decode(&[&sample], &DecodeOptions { octree_resolution: RESOLUTION, ..DecodeOptions::default() })?;
        let total = start.elapsed().as_secs_f64();
        let decode = total - denoise - encode;
        println!(r#"{{"encode":{encode},"denoise":{denoise},"decode":{decode},"total":{total}}}"#);
    }
    Ok(())
}

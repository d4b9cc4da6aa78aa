//! Equal seeds give equal bytes on the CPU: with any number of threads, alone and in any batch.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use hunyuan3d::{
    DecodeOptions, Device, Dtype, LoadOptions, Pipeline, Processed, Sample, SampleRequest, View, decode_image,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn start(model: &Pipeline, picture: &Processed, job: u32) -> Sample {
    let conditioning = model.encode(&[picture]).unwrap().remove(0);
    let request = SampleRequest { steps: 4 + job, guidance_scale: 2.0 - 1.5 * f64::from(job), seed: job.into() };
    model.start(conditioning, &request).unwrap()
}

/// The latents and the field of a finished sample, bit by bit.
fn bits(model: &Pipeline, sample: &Sample) -> Vec<u32> {
    let options = DecodeOptions { octree_resolution: 32, min_resolution: 15, ..DecodeOptions::default() };
    let field = model.decode(&[sample], &options).unwrap().remove(0);
    let latents = Vec::<f32>::try_from(sample.latents().flatten(0, -1)).unwrap();
    latents.iter().chain(field.dense().iter()).map(|value| value.to_bits()).collect()
}

// The only test of this binary: the number of threads is a setting of the process.
#[test]
fn a_seed_gives_the_same_bytes_with_any_threads_and_in_any_batch() {
    let file = std::fs::read(root().join("tests/golden/cases/e2e-v2-1/image0.png")).unwrap();
    let images = [(View::Front, decode_image(&file).unwrap())];
    let models = ["../../models/orfeas-tiny", "tests/golden/cases/e2e-v2-0-turbo", "tests/golden/cases/e2e-v2-1"];
    for dir in models {
        let mut seen: [HashSet<Vec<u32>>; 3] = Default::default();
        for threads in [1, 2, 3] {
            let options = LoadOptions {
                device: Device::Cpu,
                dtype: Dtype::F32,
                threads: Some(threads),
                ..LoadOptions::default()
            };
            let model = Pipeline::load(&root().join(dir), &options).unwrap();
            let picture = model.preprocess(&images).unwrap();
            // Batches of one, two and three that start together, and rows that join at different steps.
            for joins in [&[0][..], &[0, 0], &[0, 0, 0], &[0, 1, 3], &[2, 0, 1]] {
                let mut rows: Vec<Option<Sample>> = joins.iter().map(|_| None).collect();
                for step in 0.. {
                    for (job, row) in (0..).zip(&mut rows) {
                        if joins[job as usize] == step {
                            *row = Some(start(&model, &picture, job));
                        }
                    }
                    model.step(&mut rows.iter_mut().flatten().collect::<Vec<_>>()).unwrap();
                    if rows.iter().all(|row| row.as_ref().is_some_and(Sample::is_done)) {
                        break;
                    }
                }
                for (seen, sample) in seen.iter_mut().zip(rows.iter().flatten()) {
                    seen.insert(bits(&model, sample));
                }
            }
        }
        let results = seen.each_ref().map(HashSet::len);
        assert_eq!(results, [1; 3], "different results for each of three jobs, {dir}");
    }
}

//! The pipeline as a server uses it, on the small models of the golden cases.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use hunyuan3d::dit::Input;
use hunyuan3d::probe::Probe;
use hunyuan3d::sampling;
use hunyuan3d::{
    Conditioning, DecodeOptions, Decoder, Device, Dtype, Error, LoadOptions, Pipeline, Sample, SampleRequest, View,
    decode_image,
};
use image::RgbaImage;
use tch::{Kind, Tensor};

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/cases").join(name)
}

fn load(name: &str, dtype: Dtype) -> Pipeline {
    Pipeline::load(&case(name), &LoadOptions { device: Device::Cpu, dtype, ..LoadOptions::default() }).unwrap()
}

fn picture(model: &str, file: &str) -> [(View, RgbaImage); 1] {
    [(View::Front, decode_image(&std::fs::read(case(model).join(file)).unwrap()).unwrap())]
}

fn conditioning(model: &Pipeline, name: &str) -> Conditioning {
    model.encode(&[&model.preprocess(&picture(name, "image0.png")).unwrap()]).unwrap().remove(0)
}

fn run(model: &Pipeline, name: &str, request: &SampleRequest) -> Sample {
    let mut sample = model.start(conditioning(model, name), request).unwrap();
    while !sample.is_done() {
        model.step(&mut [&mut sample]).unwrap();
    }
    sample
}

fn relative_error(got: &Tensor, want: &Tensor) -> f64 {
    let error = (got.to_kind(Kind::Double) - want.to_kind(Kind::Double)).abs().max();
    (error / want.abs().max()).double_value(&[])
}

#[test]
fn a_loaded_model_describes_itself() {
    let turbo = load("e2e-v2-0-turbo", Dtype::Auto);
    let info = turbo.info();
    assert_eq!((info.name.as_str(), turbo.denoiser_class()), ("e2e-v2-0-turbo", "Hunyuan3DDiT"));
    assert_eq!((turbo.device(), turbo.dtype()), ("cpu", Dtype::F32));
    assert!(turbo.denoiser().guidance_embed() && !info.multi_view);
    assert_eq!((info.steps, info.digest.len()), (5, 64));

    let plain = load("e2e-v2-1", Dtype::F32);
    assert_eq!((plain.denoiser_class(), plain.denoiser().guidance_embed()), ("HunYuanDiTPlain", false));
    assert_eq!(plain.info().steps, 50);
    assert_ne!(plain.info().digest, info.digest);
}

#[test]
fn a_seed_gives_the_same_shape_alone_and_in_a_batch() {
    for name in ["e2e-v2-0-turbo", "e2e-v2-1"] {
        let model = load(name, Dtype::F32);
        let request = |seed| SampleRequest { steps: 4, guidance_scale: 5.0, seed };
        let alone = run(&model, name, &request(2));
        let start = |seed| model.start(conditioning(&model, name), &request(seed)).unwrap();
        let mut rows: Vec<Sample> = [1, 2, 3].map(start).into();
        for _ in 0..4 {
            model.step(&mut rows.iter_mut().collect::<Vec<_>>()).unwrap();
        }
        assert!(relative_error(rows[1].latents(), alone.latents()) < 1e-5);
        assert!(relative_error(rows[0].latents(), alone.latents()) > 0.1);

        let options = DecodeOptions { octree_resolution: 16, decoder: Decoder::Dense, ..Default::default() };
        let fields = model.decode(&rows.iter().collect::<Vec<_>>(), &options).unwrap();
        let field = model.decode(&[&alone], &options).unwrap().remove(0);
        assert_eq!((fields.len(), field.dense().len()), (3, 17 * 17 * 17));
        let (got, want) = (Tensor::from_slice(&fields[1].dense()), Tensor::from_slice(&field.dense()));
        assert!(relative_error(&got, &want) < 1e-4);
    }
}

/// The pass of a GPU: all rows, with and without context, at different steps, in one.
#[test]
fn a_joint_pass_gives_each_row_the_result_of_its_own_pass() {
    let seen = std::cell::Cell::new(0);
    let sink = |_: &str, _: &Tensor| seen.set(seen.get() + 1);
    for name in ["e2e-v2-0-turbo", "e2e-v2-1"] {
        let model = load(name, Dtype::F32);
        let request =
            |seed: u64| SampleRequest { steps: 3 + seed as u32, guidance_scale: 4.0 - 2.5 * seed as f64, seed };
        let alone: Vec<Sample> = (0..3).map(|seed| run(&model, name, &request(seed))).collect();
        let mut rows: Vec<Sample> =
            (0..3).map(|seed| model.start(conditioning(&model, name), &request(seed)).unwrap()).collect();
        // The last joins when the others have taken a step.
        let joint = |rows: &mut [Sample]| {
            tch::no_grad(|| {
                sampling::step(model.denoiser(), &mut rows.iter_mut().collect::<Vec<_>>(), Probe::new(&sink))
            });
        };
        joint(&mut rows[..2]);
        while rows.iter().any(|row| !row.is_done()) {
            joint(&mut rows);
        }
        for (got, want) in rows.iter().zip(&alone) {
            let error = relative_error(got.latents(), want.latents());
            assert!(error < 1e-5, "{name}: {error}");
        }
        assert!(relative_error(rows[0].latents(), rows[1].latents()) > 0.1);
    }
    assert!(seen.get() > 0, "passes with a probe are joint");
}

#[test]
fn half_precision_is_close_to_single() {
    for name in ["e2e-v2-0-turbo", "e2e-v2-1"] {
        let request = SampleRequest { steps: 4, guidance_scale: 2.0, seed: 3 };
        let expected = run(&load(name, Dtype::F32), name, &request);
        for (dtype, tolerance) in [(Dtype::F16, 0.02), (Dtype::Bf16, 0.1)] {
            let model = load(name, dtype);
            let sample = run(&model, name, &request);
            assert_eq!(sample.latents().kind(), hunyuan3d::device::kind(dtype, tch::Device::Cpu));
            let error = relative_error(sample.latents(), expected.latents());
            assert!(error < tolerance, "{name} {dtype}: {error}");
            let options = DecodeOptions { octree_resolution: 16, decoder: Decoder::Dense, ..Default::default() };
            let field = model.decode(&[&sample], &options).unwrap().remove(0);
            assert!(field.dense().iter().all(|value| value.is_finite()));
        }
    }
}

#[test]
fn the_last_step_of_flow_matching_changes_nothing() {
    let name = "e2e-v2-1";
    let model = load(name, Dtype::F32);
    let mut sample =
        model.start(conditioning(&model, name), &SampleRequest { steps: 3, guidance_scale: 5.0, seed: 1 }).unwrap();
    let mut seen = Vec::new();
    while !sample.is_done() {
        model.step(&mut [&mut sample]).unwrap();
        seen.push(sample.latents().copy());
    }
    assert_eq!((sample.step(), seen.len()), (3, 3));
    assert!(!seen[0].equal(&seen[1]) && seen[1].equal(&seen[2]));

    // A single step is a real one.
    let sample = run(&model, name, &SampleRequest { steps: 1, guidance_scale: 5.0, seed: 1 });
    assert!(!sample.latents().equal(&hunyuan3d::noise::standard_normal(1, &sample.latents().size())));
}

#[test]
fn unusable_images_and_parameters_are_refused() {
    let model = load("e2e-v2-0-turbo", Dtype::F32);
    let start = |steps, guidance_scale| {
        let request = SampleRequest { steps, guidance_scale, seed: 0 };
        model.start(conditioning(&model, "e2e-v2-0-turbo"), &request)
    };
    assert!(matches!(start(0, 5.0), Err(Error::Invalid(_))));
    assert!(matches!(start(5, f64::NAN), Err(Error::Invalid(_))));

    let transparent = RgbaImage::new(40, 30);
    let line = RgbaImage::from_fn(40, 30, |x, _| image::Rgba([0, 0, 0, if x == 7 { 255 } else { 0 }]));
    for nothing in [transparent, line, RgbaImage::new(0, 0)] {
        assert!(matches!(model.preprocess(&[(View::Front, nothing)]), Err(Error::Image(_))));
    }
    let opaque = RgbaImage::from_pixel(40, 30, image::Rgba([9; 4]));
    for views in [&[View::Left][..], &[View::Front, View::Back], &[]] {
        let images: Vec<_> = views.iter().map(|view| (*view, opaque.clone())).collect();
        assert!(matches!(model.preprocess(&images), Err(Error::Invalid(_))), "{views:?}");
    }
    for file in [&b""[..], b"no picture", &std::fs::read(case("e2e-v2-1").join("image0.png")).unwrap()[..99]] {
        assert!(decode_image(file).is_err());
    }
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let source = case("e2e-v2-0-turbo");
    std::fs::copy(source.join("config.yaml"), dir.path().join("config.yaml")).unwrap();
    let mut tensors = Tensor::read_safetensors(source.join("model.safetensors")).unwrap();
    let missing = tensors.iter().position(|(name, _)| name == "model.latent_in.bias").unwrap();
    drop(tensors.remove(missing));
    tensors.push(("model.more".to_owned(), Tensor::zeros([2], (Kind::Float, tch::Device::Cpu))));
    Tensor::write_safetensors(&tensors, dir.path().join("model.safetensors")).unwrap();

    match Pipeline::load(dir.path(), &LoadOptions { device: Device::Cpu, dtype: Dtype::F32, ..LoadOptions::default() })
    {
        Err(Error::Checkpoint(checkpoint::Error::Mismatch { mismatch, .. })) => {
            let text = format!("{mismatch:?}");
            assert!(text.contains("model.latent_in.bias") && text.contains("model.more"), "{text}");
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
}

/// `cargo test -p hunyuan3d --test pipeline -- --ignored` on a machine with a CUDA device.
#[test]
#[ignore = "needs a CUDA device: cargo test -p hunyuan3d --test pipeline -- --ignored"]
fn a_cuda_device_agrees_with_the_cpu() {
    // As a server does: threads first, then the device, and only then anything else of libtorch.
    tch::set_num_threads(2);
    assert!(hunyuan3d::device::open(Device::Cuda(0)).unwrap().is_cuda());
    for name in ["e2e-v2-0-turbo", "e2e-v2-1"] {
        let request = SampleRequest { steps: 4, guidance_scale: 2.0, seed: 3 };
        let expected = run(&load(name, Dtype::F32), name, &request);
        // In float32, the patch convolution of the image encoder may be computed in TF32.
        for (dtype, tolerance) in [(Dtype::F32, 5e-3), (Dtype::F16, 0.02), (Dtype::Bf16, 0.1), (Dtype::Auto, 0.02)] {
            let model =
                Pipeline::load(&case(name), &LoadOptions { device: Device::Cuda(0), dtype, ..LoadOptions::default() })
                    .unwrap();
            assert_eq!(model.device(), "cuda:0");
            let sample = run(&model, name, &request);
            assert!(sample.latents().device().is_cuda());
            let error = relative_error(&sample.latents().to_device(tch::Device::Cpu), expected.latents());
            assert!(error < tolerance, "{name} {dtype}: {error}");
            for decoder in [Decoder::Dense, Decoder::Hierarchical, Decoder::FlashVdm(hunyuan3d::FlashMode::Mean)] {
                let options = DecodeOptions { octree_resolution: 128, decoder, ..Default::default() };
                let field = model.decode(&[&sample], &options).unwrap().remove(0);
                assert!(field.dense().iter().any(|value| value.is_finite()));
            }
        }
    }
}

/// A row without context gives the same result alone, beside a row with a picture, and with an explicit context of zeros.
#[test]
fn a_row_without_context_equals_one_with_a_context_of_zeros() {
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/orfeas-tiny");
    let options = LoadOptions { device: Device::Cpu, dtype: Dtype::F32, ..LoadOptions::default() };
    for model in [Pipeline::load(&tiny, &options).unwrap(), load("e2e-v2-1", Dtype::F32)] {
        tch::manual_seed(7);
        let processed = model.preprocess(&picture("e2e-v2-1", "image0.png")).unwrap();
        let context = model.encode(&[&processed]).unwrap().remove(0).context().copy(); // [1, T, X]
        let shape = model.start(Conditioning::new(context.copy()), &request()).unwrap().latents().size();
        let latents = Tensor::randn([2, shape[1], shape[2]], (Kind::Float, tch::Device::Cpu));
        let time = Tensor::from_slice(&[0.25_f32, 0.25]);
        let pass = |from: i64, count: i64, context: &Tensor| {
            let (latents, time) = (latents.narrow(0, from, count), time.narrow(0, from, count));
            let input = Input { latents: &latents, time: &time, context, guidance: None };
            model.denoiser().forward(&input, Probe::NONE)
        };
        let spelled_out = pass(0, 2, &Tensor::cat(&[&context, &context.zeros_like()], 0));
        let beside = pass(0, 2, &context);
        let alone = pass(1, 1, &context.narrow(0, 0, 0));
        for (got, want) in [(beside, spelled_out.copy()), (alone, spelled_out.narrow(0, 1, 1))] {
            let error = relative_error(&got, &want);
            assert!(error < 5e-5, "{}: {error}", model.info().name);
        }
    }
}

fn request() -> SampleRequest {
    SampleRequest { steps: 4, guidance_scale: 2.0, seed: 1 }
}

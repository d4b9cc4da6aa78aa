//! `dinov2-*`: the image encoder, for single pictures and for views.

use checkpoint::config::PartialConfig;
use hunyuan3d::Weights;
use hunyuan3d::image_encoder::ImageEncoder;
use hunyuan3d::probe::Probe;
use tch::{Device, Kind, Tensor};

use crate::case::Case;
use crate::compare::{Report, Stages, Tolerance};

const PIXELS: Tolerance = Tolerance::abs(2e-6);
const STAGE: Tolerance = Tolerance::rel(1e-4);
const HIDDEN: Tolerance = Tolerance { abs: 5e-5, rel: 1e-4 };
const ALONE: Tolerance = Tolerance::rel(1e-5);

pub(crate) fn check(case: &Case, report: &mut Report) {
    let config = PartialConfig::read(&case.dir).unwrap();
    let file = case.dir.join("model.safetensors");
    let root = Weights::open(&file, Device::Cpu, Kind::Float).unwrap();
    let mismatch = config.manifest().check(&checkpoint::WeightFile::open(&file).unwrap());
    report.holds(mismatch.is_ok(), || format!("{mismatch:?}"));
    let encoder = ImageEncoder::new(&config.conditioner.unwrap(), &(&root / "conditioner")).unwrap();

    let image = case.tensor("image");
    let several = image.dim() == 5; // [B, V, 3, h, w]
    report.holds(several == encoder.multi_view(), || "kind of encoder".to_owned());
    let (batch, views) = (image.size()[0], if several { image.size()[1] } else { 1 });
    let encode = |image: &Tensor, slots: &[i64], probe: Probe<'_>| {
        let images = if several { image.flatten(0, 1) } else { image.shallow_clone() };
        let tokens = encoder.forward(&images, slots, probe).unwrap(); // [B V, T, H]
        tokens.reshape([image.size()[0], -1, tokens.size()[2]])
    };
    let slots = case.find("view_idxs").map(|slots| Vec::<i64>::try_from(slots.view(-1)).unwrap()).unwrap_or_default();

    let stages = Stages::default();
    let hidden = stages.watch(|probe| encode(&image, &slots, probe));
    report.tensor(case, "last_hidden_state", &hidden, HIDDEN);
    if let Some(expected) = case.find("pixel_values") {
        let images = if several { image.flatten(0, 1) } else { image.shallow_clone() };
        report.close("pixel_values", &encoder.transform().forward(&images), &expected, PIXELS);
    }
    report.stages(case, &stages, STAGE);
    report.tensor(case, "uncond", &encoder.unconditional(batch, views), Tolerance::abs(0.0));
    if case.has("last_hidden_state_no_view_idxs") {
        let in_order: Vec<i64> = (0..batch).flat_map(|_| 0..views).collect();
        let hidden = encode(&image, &in_order, Probe::NONE);
        report.tensor(case, "last_hidden_state_no_view_idxs", &hidden, HIDDEN);
    }
    for row in 0..batch {
        let own = if several { &slots[(row * views) as usize..][..views as usize] } else { &[] };
        let alone = encode(&image.narrow(0, row, 1), own, Probe::NONE);
        report.close(&format!("row {row} alone"), &alone, &hidden.narrow(0, row, 1), ALONE);
    }
}

//! `image-processor`: pictures to tensors. Each 8-bit stage agrees to the bit, but for a few bicubic values.

use checkpoint::config::{ImageProcessor as Kind, ImageProcessorConfig};
use hunyuan3d::image::{ImageProcessor, Pixels, Processed};
use hunyuan3d::{View, decode_image};
use image::RgbaImage;
use serde_json::Value;
use tch::Tensor;

use crate::case::Case;
use crate::compare::{Report, Tolerance};

const EXACT: Tolerance = Tolerance::abs(0.0);
/// Share of the values of a bicubic picture that may be one level off, because their exact value is halfway.
const BETWEEN_LEVELS: f64 = 1e-3;

pub(crate) fn check(case: &Case, report: &mut Report) {
    for (name, parameters) in case.json("cases.json").as_object().unwrap() {
        let size = parameters["size"].as_i64().unwrap();
        let border_ratio = parameters["border_ratio"].as_f64().unwrap();
        match parameters["inputs_in_order"].as_object() {
            Some(files) => {
                let config = ImageProcessorConfig { processor: Kind::MvV2, size, border_ratio };
                let views = files.iter().map(|(view, file)| (view.parse().unwrap(), read(case, file)));
                let processed = ImageProcessor::new(&config).process(&views.collect::<Vec<_>>()).unwrap();
                check_tensors(case, name, &processed, report);
                let slots = Tensor::from_slice(&processed.slots());
                report.tensor(case, &format!("{name}.view_idxs"), &slots, EXACT);
            }
            None => {
                let config = ImageProcessorConfig { processor: Kind::V2, size, border_ratio };
                let image = read(case, &parameters["file"]);
                check_single(case, name, &ImageProcessor::new(&config), &image, report);
            }
        }
    }
}

fn read(case: &Case, file: &Value) -> RgbaImage {
    decode_image(&std::fs::read(case.dir.join(file.as_str().unwrap())).unwrap()).unwrap()
}

fn check_single(case: &Case, name: &str, processor: &ImageProcessor, image: &RgbaImage, report: &mut Report) {
    let recentered = processor.recenter(image).unwrap();
    let view = processor.process_view(image).unwrap();
    let stages = [
        ("recentered_rgb_u8", &recentered.rgb),
        ("recentered_mask_u8", &recentered.mask),
        ("image_u8", &view.image),
        ("mask_u8", &view.mask),
    ];
    for (stage, pixels) in stages {
        let name = format!("{name}.{stage}");
        if let Some(expected) = case.find(&name) {
            let levels = if stage == "image_u8" { Some(1.0) } else { None };
            check_levels(&name, &tensor(pixels), &expected, levels, report);
        }
    }
    check_tensors(case, name, &processor.process(&[(View::Front, image.clone())]).unwrap(), report);
}

fn check_tensors(case: &Case, name: &str, processed: &Processed, report: &mut Report) {
    for (part, tensor, level) in [("image", &processed.image, Some(2.0 / 255.0)), ("mask", &processed.mask, None)] {
        let name = format!("{name}.{part}");
        if let Some(expected) = case.find(&name) {
            check_levels(&name, tensor, &expected, level, report);
        }
    }
}

/// Equal; or, where two levels are `level` apart, equal but for a few values, which are one level off.
pub(crate) fn check_levels(what: &str, got: &Tensor, want: &Tensor, level: Option<f64>, report: &mut Report) {
    let Some(level) = level else {
        return report.close(what, got, want, EXACT);
    };
    report.close(what, got, want, Tolerance::abs(level * 1.001));
    if got.size() == want.size() {
        let off = got.ne_tensor(want).to_kind(tch::Kind::Double).mean(None).double_value(&[]);
        report.holds(off <= BETWEEN_LEVELS, || format!("{what}: {off:.1e} of the values are off"));
    }
}

/// Pixels as they are, [height, width, channels].
fn tensor(pixels: &Pixels) -> Tensor {
    let shape = [pixels.height, pixels.width, pixels.channels].map(|size| size as i64);
    Tensor::from_slice(&pixels.data).view(shape)
}

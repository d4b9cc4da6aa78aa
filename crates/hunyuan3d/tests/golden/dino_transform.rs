//! `dino-transform`: the transform of a picture before the image encoder's network.

use hunyuan3d::image_encoder::ImageTransform;
use tch::{Device, Kind, Tensor};

use crate::case::Case;
use crate::compare::{Report, Tolerance};

const PIXELS: Tolerance = Tolerance::abs(2e-6);
/// The released size.
const OFFICIAL: i64 = 518;
/// How often each pixel of the stored picture is repeated to make one of the released input size.
const REPEAT: i64 = 8;

pub(crate) fn check(case: &Case, report: &mut Report) {
    let names: Vec<&str> = case.names().filter_map(|name| name.strip_suffix(".image")).collect();
    for name in names {
        let size = case.tensor(&format!("{name}.size")).int64_value(&[0]);
        let got = transform(&case.tensor(&format!("{name}.image")), size);
        report.tensor(case, &format!("{name}.pixel_values"), &got, PIXELS);
    }
    let bases: Vec<&str> = case.names().filter_map(|name| name.strip_suffix(".base_u8_64")).collect();
    for name in bases {
        let base = case.tensor(&format!("{name}.base_u8_64"));
        let large = base.repeat_interleave_self_int(REPEAT, 2, None).repeat_interleave_self_int(REPEAT, 3, None);
        let got = transform(&(large.to_kind(Kind::Float) / 255.0 * 2.0 - 1.0), OFFICIAL);
        official(case, name, &got, report);
    }
}

fn transform(image: &Tensor, size: i64) -> Tensor {
    ImageTransform::new(size, Device::Cpu, Kind::Float).forward(image)
}

/// Windows of the result, which their names describe (`rows0_40_cols0_40`), and its means.
fn official(case: &Case, name: &str, got: &Tensor, report: &mut Report) {
    let windows: Vec<&str> = case.names().filter(|window| window.starts_with(&format!("{name}.rows"))).collect();
    for window in windows {
        let numbers = window.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok());
        let [top, bottom, left, right]: [i64; 4] = numbers.collect::<Vec<_>>().try_into().unwrap();
        let part = got.narrow(2, top, bottom - top).narrow(3, left, right - left);
        report.tensor(case, window, &part, PIXELS);
    }
    let mean = got.to_kind(Kind::Double).mean_dim(&[0, 2, 3][..], false, Kind::Double);
    report.tensor(case, &format!("{name}.mean_per_channel"), &mean, PIXELS);
}

//! Empty images and warnings.

use crate::pictures::*;
use crate::{checked, verdict};
use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

fn doubts(file: &[u8]) -> Vec<&'static str> {
    checked(file).warnings.iter().map(|warning| warning.code).collect()
}

/// A square of another colour on a plain one.
fn square(side: u32, length: u32, colours: [Rgb<u8>; 2]) -> Vec<u8> {
    let from = (side - length) / 2;
    let inside = |n| (from..from + length).contains(&n);
    let image = RgbImage::from_fn(side, side, |x, y| colours[usize::from(inside(x) && inside(y))]);
    encode(image, ImageFormat::Png)
}

const WHITE: Rgb<u8> = Rgb([250, 251, 249]);
const RED: Rgb<u8> = Rgb([200, 30, 30]);

#[test]
fn empty_images_are_refused() {
    for (name, file) in [
        ("transparent", encode(RgbaImage::new(40, 40), ImageFormat::Png)),
        ("transparent grey", transparent_grey()),
        ("one dot", dots(&[(5, 5)])),
        ("a row of dots", dots(&[(5, 5), (9, 5)])),
        ("a column of dots", dots(&[(5, 5), (5, 9)])),
        ("white", encode(RgbImage::from_pixel(300, 300, WHITE), ImageFormat::Jpeg)),
        ("black", encode(RgbImage::new(300, 300), ImageFormat::WebP)),
        ("half transparent, one colour", encode(RgbaImage::from_pixel(50, 50, Rgba([9, 9, 9, 128])), ImageFormat::Png)),
        ("hardly a difference", square(300, 100, [WHITE, Rgb([246, 248, 251])])),
        ("interlaced and transparent", interlaced_png(&RgbaImage::new(50, 50))),
    ] {
        assert_eq!(verdict(&file), "empty", "{name}");
    }
}

#[test]
fn an_object_on_a_transparent_background_has_no_warning() {
    assert!(doubts(&encode(disc(400), ImageFormat::Png)).is_empty());
    assert!(doubts(&encode(disc(400), ImageFormat::WebP)).is_empty());
    assert!(doubts(&interlaced_png(&disc(301))).is_empty());
    // An outline is enough: it need not have two colours.
    let plain = RgbaImage::from_fn(400, 400, |x, y| {
        Rgba([7, 7, 7, if x.abs_diff(200) + y.abs_diff(200) < 150 { 255 } else { 0 }])
    });
    assert!(doubts(&encode(plain, ImageFormat::Png)).is_empty());
}

#[test]
fn doubtful_images_have_warnings() {
    assert_eq!(doubts(&square(400, 200, [WHITE, RED])), ["background_opaque"]);
    assert_eq!(doubts(&square(400, 60, [WHITE, RED])), ["background_opaque", "object_small"]);
    assert_eq!(doubts(&square(400, 10, [WHITE, RED])), ["background_opaque", "object_unclear"]);
    assert_eq!(doubts(&square(400, 200, [WHITE, Rgb([235, 236, 235])])), ["background_opaque", "object_unclear"]);
    assert_eq!(doubts(&dots(&[(5, 5), (6, 6)])), ["object_unclear"]);
    assert_eq!(doubts(&encode(disc(150), ImageFormat::Png)), ["object_small"]);
    let cut = image::imageops::crop_imm(&disc(600), 300, 0, 300, 600).to_image();
    assert_eq!(doubts(&encode(cut, ImageFormat::Png)), ["object_cut_off"]);
}

#[test]
fn faint_pixels_have_a_warning_that_hides_no_other() {
    let mut small = RgbaImage::new(512, 512);
    image::imageops::overlay(&mut small, &disc(128), 192, 192);
    assert_eq!(doubts(&encode(small.clone(), ImageFormat::Png)), ["object_small"]);
    for alpha in [1, 2, 5, 10] {
        let mut faint = small.clone();
        for (x, y) in [(0, 0), (511, 511)] {
            faint.put_pixel(x, y, Rgba([0, 0, 0, alpha]));
        }
        assert_eq!(doubts(&encode(faint, ImageFormat::Png)), ["object_small", "faint_pixels"], "{alpha}");
    }
    let mut veil = RgbaImage::from_pixel(512, 512, Rgba([0, 0, 0, 1]));
    image::imageops::overlay(&mut veil, &disc(300), 106, 106);
    assert_eq!(doubts(&encode(veil, ImageFormat::Png)), ["faint_pixels"], "not cut off");
    // The soft edge of an antialiased outline is no fault.
    let soft = RgbaImage::from_fn(400, 400, |x, y| {
        let far = (f64::from(x) - 200.0).hypot(f64::from(y) - 200.0);
        Rgba([x as u8, y as u8, 90, ((150.0 - far) * 60.0).clamp(0.0, 255.0) as u8])
    });
    assert!(doubts(&encode(soft, ImageFormat::Png)).is_empty());
}

#[test]
fn one_different_pixel_is_not_empty() {
    let mut image = RgbImage::from_pixel(700, 700, WHITE);
    image.put_pixel(699, 333, RED);
    assert_eq!(doubts(&encode(image, ImageFormat::Png)), ["background_opaque", "object_unclear"]);
}

#[test]
fn megapixels_are_counted_of_the_upright_picture() {
    let checked = checked(&encode(disc(500), ImageFormat::Png));
    assert!((checked.megapixels() - 0.25).abs() < 1e-9);
}

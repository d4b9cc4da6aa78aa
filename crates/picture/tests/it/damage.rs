//! Truncated and damaged files.

use crate::pictures::{PROGRESSIVE_JPEG, encode, jpeg, jpeg_claiming, noise, png, webp};
use crate::{checked, verdict};
use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat};

#[test]
fn a_truncated_picture_is_refused_unless_every_pixel_is_there() {
    for (name, whole) in [("png", png()), ("jpeg", jpeg()), ("webp", webp())] {
        assert_eq!(verdict(&whole), "fine", "{name}");
        let pixels = image::load_from_memory(&whole).unwrap();
        for length in 0..whole.len() {
            let cut = &whole[..length];
            match verdict(cut) {
                "fine" => {
                    let kept = image::load_from_memory(&checked(cut).bytes).unwrap();
                    assert!(kept == pixels, "{name} cut at {length}");
                }
                "corrupt" => {}
                other => assert!(length < 12, "{name} cut at {length} is {other}"),
            }
        }
    }
}

#[test]
fn a_jpeg_whose_end_marker_precedes_its_pixels_is_refused() {
    for (name, whole) in [
        ("baseline", jpeg()),
        ("progressive", PROGRESSIVE_JPEG.to_vec()),
        ("grey", encode(DynamicImage::from(noise(40, 40)).to_luma8(), ImageFormat::Jpeg)),
    ] {
        let data = whole.windows(2).rposition(|marker| marker == [0xff, 0xda]).unwrap() + 14;
        let pixels = image::load_from_memory(&whole).unwrap();
        for length in data..whole.len() - 2 {
            let ended = [&whole[..length], &[0xff, 0xd9]].concat();
            match verdict(&ended) {
                "fine" => assert!(image::load_from_memory(&ended).unwrap() == pixels, "{name} ends at {length}"),
                other => assert_eq!(other, "corrupt", "{name} ends at {length}"),
            }
        }
    }
    // There are 64 x 48 pixels.
    for (width, height) in [(64, 49), (65, 48), (72, 48), (64, 96)] {
        assert_eq!(verdict(&jpeg_claiming(width, height)), "corrupt", "{width} x {height}");
    }
}

#[test]
fn a_file_without_its_end_marker_is_accepted_if_all_pixels_are_there() {
    let grey = encode(DynamicImage::from(noise(40, 40)).to_luma8(), ImageFormat::Jpeg);
    let note = [&jpeg()[..jpeg().len() - 2], &[0xff, 0xfe, 0, 20, b'c', b'u', b't']].concat();
    for (name, file, whole) in [
        ("JPEG", jpeg()[..jpeg().len() - 2].to_vec(), jpeg()),
        ("JPEG with half a marker", jpeg()[..jpeg().len() - 1].to_vec(), jpeg()),
        ("grey JPEG", grey[..grey.len() - 2].to_vec(), grey.clone()),
        ("JPEG with half a comment", note, jpeg()),
        ("PNG", png()[..png().len() - 12].to_vec(), png()),
        ("PNG with half an end", png()[..png().len() - 5].to_vec(), png()),
    ] {
        let kept = picture::check(&Bytes::from(file), crate::LIMITS);
        assert!(kept.unwrap_or_else(|refused| panic!("{name}: {refused}")).bytes == whole, "{name}");
    }
    let (jpeg, png) = (jpeg(), png());
    for (name, file) in [
        ("JPEG", &jpeg[..jpeg.len() - 60]),
        ("PNG", &png[..png.len() - 40]),
        ("progressive JPEG", &PROGRESSIVE_JPEG[..PROGRESSIVE_JPEG.len() - 2]),
    ] {
        let refused = picture::check(&Bytes::copy_from_slice(file), crate::LIMITS).unwrap_err().to_string();
        assert!(refused.ends_with("file ends before its image does."), "{name}: {refused}");
    }
}

#[test]
fn the_end_of_a_thumbnail_is_not_the_end_of_the_picture() {
    // A segment (APP1) that holds a whole JPEG, as cameras write it.
    let thumbnail = encode(noise(16, 16), ImageFormat::Jpeg);
    let whole = jpeg();
    let mut bytes = whole[..2].to_vec();
    bytes.extend([0xff, 0xe1]);
    bytes.extend(u16::try_from(thumbnail.len() + 2).unwrap().to_be_bytes());
    bytes.extend(&thumbnail);
    bytes.extend(&whole[2..]);
    assert_eq!(verdict(&bytes), "fine");
    bytes.truncate(bytes.len() - whole.len() / 3);
    assert_eq!(verdict(&bytes), "corrupt");
}

#[test]
fn data_of_cameras_after_the_picture_is_ignored() {
    for whole in [png(), jpeg(), webp()] {
        let longer = [whole, b"and some more".to_vec()].concat();
        assert_eq!(verdict(&longer), "fine");
    }
    // Between a segment's end and the next marker any number of fill bytes may stand.
    let whole = jpeg();
    let filled = [&whole[..2], &[0xff; 5], &whole[2..]].concat();
    assert_eq!(verdict(&filled), "fine");
}

#[test]
fn no_damage_causes_a_panic() {
    let mut good = Vec::new();
    JpegEncoder::new_with_quality(&mut good, 30).encode_image(&noise(40, 40)).unwrap();
    for whole in [png(), good, webp()] {
        for at in 0..whole.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= flip;
                // It is accepted or refused, without a panic.
                let _ = verdict(&bytes);
            }
        }
    }
}

//! A stored picture holds only pixels, upright.

use crate::pictures::*;
use crate::{checked, verdict};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use std::io::Cursor;

const SECRET: &[u8] = b"52.5200 N, 13.4050 E";

fn holds(file: &[u8], text: &[u8]) -> bool {
    file.windows(text.len()).any(|window| window == text)
}

#[test]
fn a_file_without_metadata_is_kept_unchanged() {
    for file in [png(), jpeg(), webp(), LOSSLESS_WEBP.to_vec(), encode(noise(40, 40), ImageFormat::Png)] {
        let file = bytes::Bytes::from(file);
        let kept = picture::check(&file, crate::LIMITS).unwrap().bytes;
        assert_eq!(kept.as_ptr(), file.as_ptr(), "not even copied");
    }
}

#[test]
fn text_locations_profiles_and_trailing_bytes_are_left_out() {
    let text = |kind: &[u8]| chunk(&[kind, SECRET].concat());
    let chunks = [text(b"tEXt"), text(b"iTXt"), text(b"zTXt"), text(b"iCCP"), text(b"eXIf"), text(b"tIME")].concat();
    let apps: Vec<u8> = (0xe1..=0xef).chain([0xfe]).flat_map(|marker| segment(marker, SECRET)).collect();
    let exif = [b"Exif\0\0".to_vec(), SECRET.to_vec()].concat();
    let lossless = webp()[20..].to_vec();
    let webp = riff(&[
        (b"VP8X", &vp8x(0x3c, 48, 48)),
        (b"ICCP", SECRET),
        (b"VP8L", &lossless),
        (b"EXIF", SECRET),
        (b"XMP ", SECRET),
        (b"WHAT", SECRET),
    ]);
    for (name, file, plain) in [
        ("PNG", png_with(&png(), &chunks), png()),
        ("PNG and a ZIP file", [png(), b"PK\x03\x04".to_vec(), SECRET.to_vec()].concat(), png()),
        ("JPEG", jpeg_with(&jpeg(), &apps), jpeg()),
        ("JPEG with EXIF", jpeg_with(&jpeg(), &segment(0xe1, &exif)), jpeg()),
        ("JPEG and a script", [jpeg(), b"<script>".to_vec(), SECRET.to_vec()].concat(), jpeg()),
        ("WebP", webp, crate::pictures::webp()),
        ("WebP and more", [crate::pictures::webp(), SECRET.to_vec()].concat(), crate::pictures::webp()),
    ] {
        assert!(holds(&file, SECRET) && !holds(&plain, SECRET));
        assert!(checked(&file).bytes == plain, "{name}");
    }
}

#[test]
fn decompression_bombs_in_metadata_are_not_unpacked() {
    let zeros = fdeflate::compress_to_vec(&vec![0; 256 << 20]);
    let bomb = |kind: &[u8], head: &[u8]| chunk(&[kind, head, &zeros].concat());
    let chunks = [bomb(b"iCCP", b"x\0\0"), bomb(b"zTXt", b"x\0\0"), bomb(b"iTXt", b"x\0\x01\0\0\0")].concat();
    assert!(checked(&png_with(&png(), &chunks)).bytes == png());
}

#[test]
fn a_rotated_picture_is_turned_upright_and_its_tag_removed() {
    let upright = noise(60, 30);
    for turned in 1..=8 {
        // The pixels as a rotated camera stores them, with the orientation tag.
        let orientation = Orientation::from_exif(turned).unwrap();
        let mut stored = DynamicImage::from(upright.clone());
        stored.apply_orientation(match orientation {
            Orientation::Rotate90 => Orientation::Rotate270,
            Orientation::Rotate270 => Orientation::Rotate90,
            other => other,
        });
        let note = exif(turned);
        let png = png_with(&encode(stored.clone(), ImageFormat::Png), &chunk(&[b"eXIf", &note[..]].concat()));
        let lossless = encode(stored.clone(), ImageFormat::WebP);
        let size = (stored.width(), stored.height());
        let webp = riff(&[(b"VP8X", &vp8x(0x08, size.0, size.1)), (b"VP8L", &lossless[20..]), (b"EXIF", &note)]);
        for (name, file) in [("PNG", png), ("WebP", webp)] {
            let kept = checked(&file);
            assert_eq!((kept.width, kept.height), (60, 30), "{name} {turned}");
            assert!(image::load_from_memory(&kept.bytes).unwrap().to_rgb8() == upright, "{name} {turned}");
            assert!(!holds(&kept.bytes, &note));
        }
        let jpeg = encode(stored, ImageFormat::Jpeg);
        let kept = checked(&jpeg_with(&jpeg, &segment(0xe1, &[b"Exif\0\0", &note[..]].concat())));
        let mut expected = image::load_from_memory(&jpeg).unwrap();
        expected.apply_orientation(orientation);
        assert!(image::load_from_memory(&kept.bytes).unwrap().to_rgb8() == expected.to_rgb8(), "JPEG {turned}");
        let mut reader =
            ImageReader::new(Cursor::new(&kept.bytes)).with_guessed_format().unwrap().into_decoder().unwrap();
        assert_eq!(reader.orientation().unwrap(), Orientation::NoTransforms);
    }
}

#[test]
fn an_invalid_orientation_is_ignored() {
    for note in [exif(0), exif(9), exif(255), b"II*\0".to_vec(), b"MM\0*\xff\xff\xff\xff".to_vec(), vec![]] {
        let kept = checked(&jpeg_with(&jpeg(), &segment(0xe1, &[b"Exif\0\0", &note[..]].concat())));
        assert!(kept.bytes == jpeg());
    }
    assert_eq!(verdict(&jpeg_with(&jpeg(), &[0xff, 0xe1, 0, 1])), "corrupt", "a segment shorter than its length");
}

//! Which files are accepted.

use crate::pictures::*;
use crate::{checked, verdict};
use bytes::Bytes;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

#[test]
fn every_kind_of_the_three_formats_is_accepted() {
    let deep = DynamicImage::from(disc(40)).to_rgba16();
    let grey = DynamicImage::from(noise(40, 40));
    let (first, last) = ((0..20).flat_map(|_| vec![0; 4]), (0..20).flat_map(|_| [0, 0xff, 0xf0, 0xff]));
    let one_bit: Vec<u8> = first.chain(last).collect();
    for (name, file) in [
        ("PNG", png()),
        ("PNG of 16 bits", encode(deep.clone(), ImageFormat::Png)),
        ("grey PNG", encode(grey.to_luma8(), ImageFormat::Png)),
        ("grey PNG of 16 bits", encode(grey.to_luma16(), ImageFormat::Png)),
        ("PNG of one bit", raw_png((24, 40), 1, 0, false, &one_bit)),
        ("PNG with a palette", PALETTE_PNG.to_vec()),
        ("interlaced PNG", interlaced_png(&disc(61))),
        ("narrow interlaced PNG", interlaced_png(&image::imageops::crop_imm(&disc(64), 30, 0, 17, 64).to_image())),
        ("JPEG", jpeg()),
        ("grey JPEG", encode(grey.to_luma8(), ImageFormat::Jpeg)),
        ("JPEG of inks", CMYK_JPEG.to_vec()),
        ("progressive JPEG", PROGRESSIVE_JPEG.to_vec()),
        ("lossless WebP", webp()),
        ("lossless WebP of another encoder", LOSSLESS_WEBP.to_vec()),
        ("lossy WebP with alpha", LOSSY_WEBP.to_vec()),
        ("extended WebP", riff(&[(b"VP8X", &vp8x(0x10, 48, 48)), (b"VP8L", &webp()[20..])])),
    ] {
        assert_eq!(verdict(&file), "fine", "{name}");
        // The stored file shows the same.
        let kept = checked(&file);
        let pixels = picture::decode_rgba(&kept.bytes).unwrap();
        assert!(pixels == image::load_from_memory(&file).unwrap().to_rgba8(), "{name}: the worker sees the same");
        let (before, after) = (image::load_from_memory(&file).unwrap(), image::load_from_memory(&kept.bytes).unwrap());
        assert!(before.to_rgba8() == after.to_rgba8(), "{name}");
        assert_eq!((kept.width, kept.height), (before.width(), before.height()), "{name}");
    }
}

#[test]
fn inverted_cmyk_is_decoded() {
    let image = image::load_from_memory(&checked(CMYK_JPEG).bytes).unwrap().to_rgb8();
    let Rgb([red, green, blue]) = image.get_pixel(24, 24);
    assert!(*red > 180 && *green < 80 && *blue < 80, "{red} {green} {blue}");
}

#[test]
fn an_animation_of_one_frame_is_a_still_image() {
    for (name, file, plain) in [("PNG", apng(1), png()), ("WebP", animated_webp(1), webp())] {
        assert!(checked(&file).bytes == plain, "{name}");
    }
    // A frame of lossy colours and alpha.
    let chunks = LOSSY_WEBP.windows(4).position(|kind| kind == b"ALPH").unwrap();
    let frame = [&[0; 16], &LOSSY_WEBP[chunks..]].concat();
    let size = image::load_from_memory(LOSSY_WEBP).unwrap();
    let head = vp8x(0b0001_0010, size.width() + 10, size.height());
    let animated = riff(&[(b"VP8X", &head), (b"ANIM", &[0; 6]), (b"ANMF", &frame)]);
    assert!(picture::decode_rgba(&checked(&animated).bytes).unwrap() == size.to_rgba8());
    assert_eq!(verdict(&riff(&[(b"VP8X", &head), (b"ANIM", &[0; 6])])), "corrupt", "no frame at all");
}

#[test]
fn other_formats_are_named() {
    let old_targa = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 64, 0, 64, 0, 24, 0];
    let targa = [&[0; 40], &b"TRUEVISION-XFILE.\0"[..]].concat();
    for (file, name) in [
        (&b"GIF89a=1;alert(1)//"[..], "GIF"),
        (b"BM\0\0", "BMP"),
        (b"II*\0", "TIFF"),
        (b"MM\0*", "TIFF"),
        (b"\0\0\x01\0\x01\0", "ICO"),
        (b"\0\0\0\x18ftypheic", "a HEIC file"),
        (b"\0\0\0\x18ftypavif", "an AVIF file"),
        (b"\0\0\0\x18ftypmp42", "video"),
        (&targa, "TGA"),
        (&old_targa, "TGA"),
        (b"\xff\x0a\0", "JPEG XL"),
        (b"8BPS\0\x01", "PSD"),
        (b"P6 2 2 255", "PNM"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\n <!doctype html>", "HTML"),
        (b"\xef\xbb\xbf<?xml?>", "SVG"),
        (b"{\"error\": 404}", "JSON"),
        (b"RIFF\0\0\0\0WAVE", "not WebP"),
        (b"PK\x03\x04", "ZIP"),
        (b"%PDF-1.7", "PDF"),
        (b"", "no known"),
        (b"hello, I am a cat", "no known"),
    ] {
        let refused = picture::check(&Bytes::copy_from_slice(file), crate::LIMITS).unwrap_err();
        assert!(refused.to_string().contains(name), "{refused}");
    }
}

#[test]
fn false_and_oversized_headers_are_refused_before_decoding() {
    let lossless = &webp()[20..];
    // Colours of 16383 x 16383 in a canvas of 48 x 48.
    let mut lossy = LOSSY_WEBP.to_vec();
    let frame = lossy.windows(3).position(|bytes| bytes == [0x9d, 0x01, 0x2a]).unwrap();
    lossy[frame + 3..frame + 7].copy_from_slice(&[0xff, 0x3f, 0xff, 0x3f]);
    let sof = jpeg().windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    let with = |at: usize, value: u8| {
        let mut bytes = jpeg();
        bytes[sof + at] = value;
        bytes
    };
    let scan = PROGRESSIVE_JPEG.windows(2).rposition(|marker| marker == [0xff, 0xda]).unwrap();
    let (head, last) = (&PROGRESSIVE_JPEG[..scan], &PROGRESSIVE_JPEG[scan..PROGRESSIVE_JPEG.len() - 2]);
    let scans = [head, &last.repeat(120), &[0xff, 0xd9]].concat();
    for (name, file, expected) in [
        ("PNG, 40 gigapixels", png_header(200_000, 200_000), "too large"),
        ("PNG, no size", png_header(0, 0), "too small"),
        ("PNG, a line", raw_png((1, 400), 8, 0, false, &[0; 800]), "too small"),
        ("animated PNG", apng(2), "animated"),
        ("PNG whose frame is another image", png_with(&apng(1), &chunk(b"fdAT\0\0\0\0abc")), "animated"),
        ("animated WebP", animated_webp(2), "animated"),
        ("PNG, 20000 x 40", png_header(20_000, 40), "too large"),
        ("PNG, 16384 x 16", png_header(16_384, 16), "too thin"),
        ("PNG, 16 x 300", png_header(16, 300), "too thin"),
        ("JPEG, 40000 x 25", jpeg_claiming(40_000, 25), "too large"),
        ("a chunk that is not in the standard", png_with(&png(), &chunk(b"CgBI\0\0\0\0")), "unsupported"),
        ("WebP, two sizes", riff(&[(b"VP8X", &vp8x(0, 40, 40)), (b"VP8L", lossless)]), "corrupt"),
        ("WebP, vast colours", lossy, "too large"),
        ("WebP, no picture", riff(&[(b"VP8X", &vp8x(0, 40, 40))]), "corrupt"),
        ("WebP, 65536 groups of codes", webp_of_many_codes(), "unsupported"),
        ("JPEG, 65000 x 65000", jpeg_claiming(65_000, 65_000), "too large"),
        ("JPEG, far more than it holds", claiming(&encode(noise(16, 16), ImageFormat::Jpeg), 990, 990), "corrupt"),
        ("JPEG of 12 bits", with(4, 12), "unsupported"),
        ("JPEG of 7 components", with(9, 7), "unsupported"),
        ("lossless JPEG", with(1, 0xc3), "unsupported"),
        ("arithmetic JPEG", with(1, 0xc9), "unsupported"),
        ("JPEG of 130 scans", scans, "unsupported"),
        ("JPEG with two headers", jpeg_with(&jpeg(), &jpeg()[sof..sof + 19]), "corrupt"),
        ("JPEG in a JPEG", jpeg_with(&jpeg(), &jpeg()), "corrupt"),
        ("JPEG with more colour than light", with(17, 0x41), "unsupported"),
    ] {
        assert_eq!(verdict(&file), expected, "{name}");
    }
}

#[test]
fn a_broken_checksum_of_pixels_is_detected() {
    let mut data = png();
    let idat = data.windows(4).position(|kind| kind == b"IDAT").unwrap();
    data[idat + 6] ^= 1;
    assert_eq!(verdict(&data), "corrupt");
    let mut text = chunk(b"tEXtComment\0hello");
    *text.last_mut().unwrap() ^= 1;
    assert_eq!(verdict(&png_with(&png(), &text)), "fine", "text is left out");
}

#[test]
fn a_picture_of_zeros_costs_little_memory() {
    let file = raw_png((990, 990), 8, 6, false, &vec![0; 990 * (990 * 4 + 1)]);
    let probed = picture::Probed::read(&file.clone().into(), crate::LIMITS).unwrap();
    assert!(probed.cost() < 3 << 20);
    assert_eq!(verdict(&file), "empty");
    let photo = picture::Probed::read(&encode(RgbImage::new(990, 990), ImageFormat::Jpeg).into(), crate::LIMITS);
    assert!((3 << 20..8 << 20).contains(&photo.unwrap().cost()));
}

#[test]
fn a_distance_code_outside_its_alphabet_is_refused() {
    // A code for distances that has one symbol, 255, where there are 40.
    let file = [
        0x52, 0x49, 0x46, 0x46, 0x66, 0x00, 0x15, 0x00, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x4c, 0x59, 0x00,
        0x00, 0x00, 0x2f, 0x17, 0xc0, 0x03, 0x10, 0x17, 0x20, 0x10, 0x48, 0xc2, 0x19, 0x7b, 0x6c, 0x81, 0x40, 0x12,
        0xdb, 0xf4, 0x63, 0x09, 0x04, 0x52, 0x1c, 0xc9, 0x24, 0xcf, 0x7f, 0x40, 0xf7, 0x2f, 0x06, 0x56, 0x91, 0x24,
        0x3b, 0x19, 0x92, 0x84, 0xe8, 0xe6, 0x49, 0x20, 0xcd, 0x23, 0x7c, 0x83, 0x0f, 0x4c, 0x3c, 0x09, 0xcf, 0x29,
        0x85, 0x86, 0x09, 0x88, 0xfe, 0x4f,
    ];
    let file = [&file[..], &[0xff; 60], b"\x00\xbf\x5f\xb6\x16\xb8\xb4\x81\x5b\x5b\x48\x51"].concat();
    assert_eq!(verdict(&file), "corrupt");
}

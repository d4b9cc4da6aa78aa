//! Pictures, good and bad.

use image::{DynamicImage, GrayAlphaImage, ImageFormat, LumaA, Rgb, RgbImage, Rgba, RgbaImage};
use std::io::Cursor;

pub(crate) fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// A disc on a transparent background.
pub(crate) fn disc(side: u32) -> RgbaImage {
    RgbaImage::from_fn(side, side, |x, y| {
        let (dx, dy) = (f64::from(x) - f64::from(side) / 2.0, f64::from(y) - f64::from(side) / 2.0);
        let inside = dx.hypot(dy) < f64::from(side) / 3.0;
        Rgba([(x * 7) as u8, (y * 5) as u8, 90, if inside { 255 } else { 0 }])
    })
}

pub(crate) fn png() -> Vec<u8> {
    encode(disc(64), ImageFormat::Png)
}

pub(crate) fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 12345_u32;
    RgbImage::from_fn(width, height, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Rgb([(state >> 8) as u8, (state >> 16) as u8, (state >> 24) as u8])
    })
}

pub(crate) fn jpeg() -> Vec<u8> {
    encode(noise(64, 48), ImageFormat::Jpeg)
}

pub(crate) fn webp() -> Vec<u8> {
    encode(disc(48), ImageFormat::WebP)
}

/// Transparent but for these pixels.
pub(crate) fn dots(dots: &[(u32, u32)]) -> Vec<u8> {
    let mut image = RgbaImage::new(32, 32);
    for (x, y) in dots {
        image.put_pixel(*x, *y, Rgba([255, 0, 0, 255]));
    }
    encode(image, ImageFormat::Png)
}

/// Grey with alpha: all transparent.
pub(crate) fn transparent_grey() -> Vec<u8> {
    encode(GrayAlphaImage::from_pixel(20, 20, LumaA([9, 0])), ImageFormat::Png)
}

/// A PNG's signature and header, and nothing else: what it says of its size is all there is.
pub(crate) fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png()[..33].to_vec();
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// A JPEG whose header claims another size.
pub(crate) fn jpeg_claiming(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = jpeg();
    let sof = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    bytes[sof + 5..sof + 7].copy_from_slice(&height.to_be_bytes());
    bytes[sof + 7..sof + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

/// A PNG with an `iCCP` chunk that unpacks to this many zeros.
pub(crate) fn png_with_profile(size: usize) -> Vec<u8> {
    let mut chunk = b"iCCPx\0\0".to_vec();
    chunk.extend(fdeflate::compress_to_vec(&vec![0; size]));
    with_chunk(&chunk)
}

/// A PNG with an `acTL` chunk after its header: an animation of one frame.
pub(crate) fn apng() -> Vec<u8> {
    with_chunk(b"acTL\0\0\0\x01\0\0\0\0")
}

/// A PNG with one more chunk (its type and its data) after the header.
fn with_chunk(chunk: &[u8]) -> Vec<u8> {
    let png = png();
    let mut bytes = png[..33].to_vec();
    bytes.extend(u32::try_from(chunk.len() - 4).unwrap().to_be_bytes());
    bytes.extend(chunk);
    bytes.extend(crc32(chunk).to_be_bytes());
    bytes.extend(&png[33..]);
    bytes
}

/// A WebP file whose extended header says that it is animated.
pub(crate) fn animated_webp() -> Vec<u8> {
    let still = webp();
    let payload = &still[12..];
    let mut frame = Vec::new();
    frame.extend([0; 6]);
    frame.extend([47, 0, 0, 47, 0, 0, 100, 0, 0, 0]);
    frame.extend(payload);
    let mut body = b"WEBP".to_vec();
    body.extend(b"VP8X");
    body.extend(10_u32.to_le_bytes());
    body.extend([0b0001_0010, 0, 0, 0, 47, 0, 0, 47, 0, 0]);
    body.extend(b"ANIM");
    body.extend(6_u32.to_le_bytes());
    body.extend([0; 6]);
    body.extend(b"ANMF");
    body.extend(u32::try_from(frame.len()).unwrap().to_le_bytes());
    body.extend(frame);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    bytes.extend(body);
    bytes
}

/// CRC-32 as PNG uses it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

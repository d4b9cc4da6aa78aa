//! Image files, valid and broken. The tests of the gateway use them as well.

#![allow(dead_code)]

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

/// A PNG's signature and header, without pixels.
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
    claiming(&jpeg(), width, height)
}

pub(crate) fn claiming(jpeg: &[u8], width: u16, height: u16) -> Vec<u8> {
    let mut bytes = jpeg.to_vec();
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

/// A PNG with an `acTL` chunk after its header: an animation of so many frames.
pub(crate) fn apng(frames: u32) -> Vec<u8> {
    with_chunk(&[b"acTL", &frames.to_be_bytes()[..], &[0; 4]].concat())
}

/// A PNG with one more chunk (its type and its data) after the header.
fn with_chunk(chunk: &[u8]) -> Vec<u8> {
    png_with(&png(), &self::chunk(chunk))
}

/// An animated WebP file of so many equal frames.
pub(crate) fn animated_webp(frames: usize) -> Vec<u8> {
    let mut frame = vec![0; 6];
    frame.extend([47, 0, 0, 47, 0, 0, 100, 0, 0, 0]);
    frame.extend(&webp()[12..]);
    let head = vp8x(0b0001_0010, 48, 48);
    let mut chunks: Vec<(&[u8; 4], &[u8])> = vec![(b"VP8X", &head), (b"ANIM", &[0; 6])];
    chunks.extend(std::iter::repeat_n((b"ANMF", &frame[..]), frames));
    riff(&chunks)
}

/// CRC-32 as PNG uses it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// A JPEG of four inks, as printers write it; the inks are inverted.
pub(crate) const CMYK_JPEG: &[u8] = include_bytes!("files/cmyk.jpg");
pub(crate) const PROGRESSIVE_JPEG: &[u8] = include_bytes!("files/progressive.jpg");
/// Lossy colours with a plane of lossless alpha.
pub(crate) const LOSSY_WEBP: &[u8] = include_bytes!("files/lossy.webp");
pub(crate) const LOSSLESS_WEBP: &[u8] = include_bytes!("files/lossless.webp");
pub(crate) const PALETTE_PNG: &[u8] = include_bytes!("files/palette.png");

/// A chunk of a PNG: type and data.
pub(crate) fn chunk(content: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(content.len() - 4).unwrap().to_be_bytes().to_vec();
    bytes.extend(content);
    bytes.extend(crc32(content).to_be_bytes());
    bytes
}

/// A whole PNG of this header and these pixels, each row behind its filter byte.
pub(crate) fn raw_png(size: (u32, u32), depth: u8, colour: u8, interlaced: bool, rows: &[u8]) -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(size.0.to_be_bytes());
    header.extend(size.1.to_be_bytes());
    header.extend([depth, colour, 0, 0, interlaced.into()]);
    let data = [b"IDAT".to_vec(), fdeflate::compress_to_vec(rows)].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(&header), chunk(&data), chunk(b"IEND")].concat()
}

/// The same picture with its rows in the seven passes of Adam7.
pub(crate) fn interlaced_png(image: &RgbaImage) -> Vec<u8> {
    let passes = [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)];
    let (width, height) = image.dimensions();
    let mut rows = Vec::new();
    for (y, dy, x, dx) in passes.into_iter().filter(|(_, _, x, _)| *x < width) {
        for y in (y..height).step_by(dy) {
            rows.push(0);
            (x..width).step_by(dx).for_each(|x| rows.extend(image.get_pixel(x, y).0));
        }
    }
    raw_png((width, height), 8, 6, true, &rows)
}

/// An EXIF block in TIFF form that holds an orientation (1 to 8).
pub(crate) fn exif(orientation: u8) -> Vec<u8> {
    let mut tiff = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    tiff.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    tiff
}

/// A segment of a JPEG.
pub(crate) fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], &length[..], content].concat()
}

/// A JPEG with segments after its first two bytes.
pub(crate) fn jpeg_with(jpeg: &[u8], segments: &[u8]) -> Vec<u8> {
    [&jpeg[..2], segments, &jpeg[2..]].concat()
}

/// A PNG with chunks after its header.
pub(crate) fn png_with(png: &[u8], chunks: &[u8]) -> Vec<u8> {
    [&png[..33], chunks, &png[33..]].concat()
}

/// A WebP file of these chunks.
pub(crate) fn riff(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (kind, content) in chunks {
        body.extend(*kind);
        body.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        body.extend(*content);
        body.extend(vec![0; content.len() % 2]);
    }
    [&b"RIFF"[..], &u32::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
}

/// An extended WebP header.
pub(crate) fn vp8x(flags: u8, width: u32, height: u32) -> Vec<u8> {
    let mut content = vec![flags, 0, 0, 0];
    content.extend(&(width - 1).to_le_bytes()[..3]);
    content.extend(&(height - 1).to_le_bytes()[..3]);
    content
}

/// A lossless WebP of 64 x 64 pixels that claims 65536 groups of codes, each of which takes tables of some
/// kilobytes for a few bytes.
pub(crate) fn webp_of_many_codes() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.push(0x2f, 8);
    bits.push(63, 14);
    bits.push(63, 14);
    bits.push(0, 1 + 3); // no alpha, version
    bits.push(0, 1); // no transform
    bits.push(0, 1); // no cache
    bits.push(1, 1); // groups, by blocks of 4 x 4
    bits.push(0, 3);
    bits.push(0, 1); // the image of groups: no cache; each pixel is 0xff, 0xff, 0, 0, and takes no bits
    for symbol in [0xff, 0xff, 0, 0, 0] {
        bits.push(0b101, 3);
        bits.push(symbol, 8);
    }
    for _ in 0..65_536 {
        for (symbols, length) in [(256_u32, 8), (256, 8), (256, 8), (256, 8), (32, 5)] {
            bits.push(0, 1);
            // Of lengths there is one, so each of the symbols takes no bits; the others have none.
            let order = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8];
            bits.push(order.len() as u32 - 4, 4);
            order.iter().for_each(|&place| bits.push(u32::from(place == length), 3));
            bits.push(1, 1);
            bits.push(3, 3);
            bits.push(symbols - 2, 8);
        }
    }
    riff(&[(b"VP8L", &bits.bytes)])
}

#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: u32,
}

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        for bit in 0..count {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            *self.bytes.last_mut().unwrap() |= ((value >> bit & 1) as u8) << (self.used % 8);
            self.used += 1;
        }
    }
}

//! Checking a picture before anything is stored: is it one, is it whole, is there something to see?
//!
//! The cheap questions come first, and none of them allocates more than a header: format, size. Only a picture that
//! passes them is decoded, in memory that its own checked size bounds.

use image::codecs::{jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{DynamicImage, ImageDecoder, ImageError, Limits};
use std::io::Cursor;
use web::{Problem, codes};

/// What a picture may be.
#[derive(Debug, Clone, Copy)]
pub struct PictureLimits {
    /// Most pixels, width times height.
    pub max_pixels: u64,
    /// Fewest pixels along either side.
    pub min_side: u32,
}

/// The formats that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Png,
    Jpeg,
    WebP,
}

/// Checks a picture. Blocks while decoding; some 16 bytes for each of its pixels are allocated.
///
/// # Errors
/// The first thing that is wrong with it: `unsupported_image`, `image_animated`, `image_too_small`, `image_too_large`,
/// `image_corrupt` or `image_empty`.
pub fn check(bytes: &[u8], limits: PictureLimits) -> Result<(), Problem> {
    let format = recognise(bytes)?;
    let corrupt = |error: ImageError| {
        Problem::new(&codes::IMAGE_CORRUPT, "The picture cannot be decoded to its end.").because(error)
    };
    let image = match format {
        Format::Png => {
            // The size comes first: it needs nothing but the first chunk.
            let size = png_size(bytes)?;
            check_size(size, limits)?;
            let decoder = PngDecoder::with_limits(Cursor::new(bytes), memory(size)).map_err(corrupt)?;
            if decoder.is_apng().map_err(corrupt)? {
                return Err(animated("an animated PNG"));
            }
            decode(decoder)
        }
        Format::Jpeg => {
            let decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(corrupt)?;
            check_size(decoder.dimensions(), limits)?;
            // The decoder paints what is missing grey and says nothing.
            if !jpeg_is_whole(bytes) {
                return Err(Problem::new(&codes::IMAGE_CORRUPT, "The JPEG file ends before its picture does."));
            }
            decode(decoder)
        }
        Format::WebP => {
            let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(corrupt)?;
            if decoder.has_animation() {
                return Err(animated("an animated WebP"));
            }
            check_size(decoder.dimensions(), limits)?;
            decode(decoder)
        }
    };
    if shows_nothing(&image.map_err(corrupt)?) {
        let detail = "No two rows and two columns of the picture hold anything that is not transparent.";
        return Err(Problem::new(&codes::IMAGE_EMPTY, detail));
    }
    Ok(())
}

/// Tells the format by the first bytes; names and declared types are not believed.
fn recognise(bytes: &[u8]) -> Result<Format, Problem> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => return Ok(Format::Png),
        [0xff, 0xd8, 0xff, ..] => return Ok(Format::Jpeg),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => return Ok(Format::WebP),
        _ => {}
    }
    let what = match bytes {
        [b'G', b'I', b'F', b'8', ..] => "a GIF file",
        [b'B', b'M', ..] => "a BMP file",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "a TIFF file",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "an AVIF, HEIC or video file",
        [b'%', b'P', b'D', b'F', ..] => "a PDF file",
        [b'g', b'l', b'T', b'F', ..] => "a mesh",
        [b'<', ..] => "an SVG, XML or HTML file",
        _ => "of no known picture format",
    };
    Err(Problem::new(&codes::UNSUPPORTED_IMAGE, format!("The file is {what}.")))
}

fn animated(what: &str) -> Problem {
    Problem::new(&codes::IMAGE_ANIMATED, format!("The file is {what}."))
}

/// Width and height from the first chunk of a PNG, which must be IHDR.
fn png_size(bytes: &[u8]) -> Result<(u32, u32), Problem> {
    let header = bytes.get(8..24).filter(|header| &header[4..8] == b"IHDR");
    let Some([.., w0, w1, w2, w3, h0, h1, h2, h3]) = header else {
        return Err(Problem::new(&codes::IMAGE_CORRUPT, "The PNG file has no header."));
    };
    Ok((u32::from_be_bytes([*w0, *w1, *w2, *w3]), u32::from_be_bytes([*h0, *h1, *h2, *h3])))
}

fn check_size((width, height): (u32, u32), limits: PictureLimits) -> Result<(), Problem> {
    let PictureLimits { max_pixels, min_side } = limits;
    if width < min_side || height < min_side {
        let detail = format!("The picture is {width} x {height} pixels; each side needs at least {min_side}.");
        return Err(Problem::new(&codes::IMAGE_TOO_SMALL, detail));
    }
    if u64::from(width) * u64::from(height) > max_pixels {
        let detail = format!("The picture is {width} x {height} pixels; at most {max_pixels} in all are taken.");
        return Err(Problem::new(&codes::IMAGE_TOO_LARGE, detail));
    }
    Ok(())
}

/// Room for four channels of 16 bits, for as much again that a decoder keeps beside its output, and for colour profiles
/// and the like, which may be small in the file and vast when they are unpacked.
fn memory((width, height): (u32, u32)) -> Limits {
    let mut memory = Limits::no_limits();
    memory.max_alloc = Some(u64::from(width) * u64::from(height) * 16 + (4 << 20));
    memory
}

fn decode(mut decoder: impl ImageDecoder) -> Result<DynamicImage, ImageError> {
    decoder.set_limits(memory(decoder.dimensions()))?;
    DynamicImage::from_decoder(decoder)
}

/// Whether a JPEG has its end marker. The way there leads from segment to segment, as a thumbnail inside one of them
/// has an end marker too.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // Between segments, and in compressed data, everything up to a marker is skipped.
        while let Some([first, second]) = bytes.get(at..at + 2) {
            if *first == 0xff && !matches!(second, 0x00 | 0xff | 0xd0..=0xd7) {
                break;
            }
            at += 1;
        }
        match bytes.get(at..at + 4) {
            _ if bytes.get(at..at + 2) == Some(&[0xff, 0xd9]) => return true,
            Some(&[_, _, high, low]) => at += 2 + usize::from(u16::from_be_bytes([high, low])).max(2),
            _ => return false,
        }
    }
}

/// Whether the object's bounding box has no height or no width (specification 5.1: alpha > 0 in 8 bits, counted from
/// the first row or column to the last, the last not included).
fn shows_nothing(image: &DynamicImage) -> bool {
    match image {
        DynamicImage::ImageLumaA8(image) => box_is_empty(image.enumerate_pixels().map(|(x, y, p)| (x, y, p[1] > 0))),
        DynamicImage::ImageRgba8(image) => box_is_empty(image.enumerate_pixels().map(|(x, y, p)| (x, y, p[3] > 0))),
        DynamicImage::ImageLumaA16(_) | DynamicImage::ImageRgba16(_) | DynamicImage::ImageRgba32F(_) => {
            box_is_empty(image.to_rgba8().enumerate_pixels().map(|(x, y, p)| (x, y, p[3] > 0)))
        }
        // Without alpha everything is seen.
        _ => image.width() < 2 || image.height() < 2,
    }
}

fn box_is_empty(pixels: impl Iterator<Item = (u32, u32, bool)>) -> bool {
    let (mut left, mut right, mut top, mut bottom) = (u32::MAX, 0, u32::MAX, 0);
    for (x, y, _) in pixels.filter(|(_, _, seen)| *seen) {
        (left, right, top, bottom) = (left.min(x), right.max(x), top.min(y), bottom.max(y));
        if left < right && top < bottom {
            return false;
        }
    }
    true
}

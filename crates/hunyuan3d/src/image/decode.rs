//! Image files to pixels, for programs that use the pipeline without the services.

use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, RgbaImage};
use std::io::Cursor;

/// Larger sides are refused before memory is allocated.
const MAX_SIDE: u32 = 16_384;

/// Memory that decoding one image may take, in bytes.
const MAX_ALLOC: u64 = 512 << 20;

/// Decodes a PNG, JPEG or WebP file to 8-bit RGBA, not premultiplied. An opaque image gets full alpha, and one with an
/// EXIF orientation is turned upright.
///
/// # Errors
/// If it is none of these, broken, or has more than 16384 pixels on a side.
pub fn decode_image(file: &[u8]) -> Result<RgbaImage, ImageError> {
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image.into_rgba8())
}

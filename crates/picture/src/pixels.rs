//! Decodes images to their end, in memory that their headers bound.

use crate::content::{Content, Warning};
use crate::error::Cause;
use crate::format::Format;
use crate::jpeg::with_sentinel;
use crate::rows::Rows;
use crate::{CheckedPicture, Probed, Refused, Size};
use ::png::{BitDepth, ColorType, Transformations};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder, RgbaImage};
use std::borrow::Cow;
use std::io::Cursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Memory of the PNG decoder besides its rows: a window of 32 KiB and some buffers.
const PNG_BUFFERS: usize = 1 << 20;

/// The passes of an interlaced PNG: first row, step between rows, first column, step between columns.
const ADAM7: [(u32, usize, u32, u32); 7] =
    [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)];

/// The warnings about an upright image.
pub(crate) fn inspect(picture: &Probed) -> Result<Vec<Warning>, Refused> {
    let content = match picture.format {
        // Decoded row by row, so that a large PNG takes no memory.
        Format::Png => {
            png_rows(&picture.bytes, picture.size, |channels| Content::new(picture.size, channels)).map(|(c, _)| c)
        }
        _ => decode(picture).map(|image| content_of(&image)),
    };
    content.map_err(|cause| undecodable(picture, cause))?.verdict()
}

/// The image as an upright PNG file without an orientation tag.
pub(crate) fn turn_upright(picture: &Probed) -> Result<CheckedPicture, Refused> {
    let mut image = match decode(picture).map_err(|cause| undecodable(picture, cause))? {
        image if image.color().has_alpha() => DynamicImage::from(image.into_rgba8()),
        image => DynamicImage::from(image.into_rgb8()),
    };
    image.apply_orientation(picture.orientation);
    let warnings = content_of(&image).verdict()?;
    let mut file = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive);
    image.write_with_encoder(encoder).map_err(|error| Refused::Unwritable(error.into()))?;
    Ok(CheckedPicture { bytes: file.into(), width: image.width(), height: image.height(), warnings })
}

/// The upright pixels.
pub(crate) fn rgba(picture: &Probed) -> Result<RgbaImage, Refused> {
    let mut image = decode(picture).map_err(|cause| undecodable(picture, cause))?;
    image.apply_orientation(picture.orientation);
    Ok(image.into_rgba8())
}

fn undecodable(picture: &Probed, cause: Cause) -> Refused {
    let name = picture.format.name();
    let detail = match picture.cut {
        true => format!("The {name} file ends before its image does."),
        false => format!("The {name} file is damaged: it cannot be decoded to its end."),
    };
    Refused::Corrupt { detail, cause: Some(cause) }
}

/// Decodes an image of 1 to 4 channels of 8 bits.
fn decode(picture: &Probed) -> Result<DynamicImage, Cause> {
    match picture.format {
        Format::Png => png(&picture.bytes, picture.size),
        Format::Jpeg => jpeg(picture),
        Format::WebP => webp(&picture.bytes, picture.size),
    }
}

/// Passes a decoded image, of 8 bits per channel, to the content check.
fn content_of(image: &DynamicImage) -> Content {
    let size = Size { width: image.width(), height: image.height() };
    let channels = usize::from(image.color().channel_count());
    let mut content = Content::new(size, channels);
    for (y, samples) in (0..).zip(image.as_bytes().chunks_exact(size.width as usize * channels)) {
        content.row(y, 0, 1, samples);
    }
    content
}

/// All pixels of an image.
struct Pixels {
    width: usize,
    channels: usize,
    samples: Vec<u8>,
}

impl Rows for Pixels {
    fn row(&mut self, y: u32, x: u32, dx: u32, samples: &[u8]) {
        let Self { width, channels, .. } = *self;
        let row = &mut self.samples[y as usize * width * channels..][..width * channels];
        if dx == 1 {
            row[x as usize * channels..].copy_from_slice(samples);
        } else {
            let pixels = row.chunks_exact_mut(channels).skip(x as usize).step_by(dx as usize);
            pixels.zip(samples.chunks_exact(channels)).for_each(|(pixel, samples)| pixel.copy_from_slice(samples));
        }
    }
}

fn png(file: &[u8], size: Size) -> Result<DynamicImage, Cause> {
    let Size { width, height } = size;
    let new = |channels| {
        let width = width as usize;
        Pixels { width, channels, samples: vec![0; width * height as usize * channels] }
    };
    let (Pixels { samples, .. }, channels) = png_rows(file, size, new)?;
    let image = match channels {
        1 => image::GrayImage::from_raw(width, height, samples).map(DynamicImage::from),
        2 => image::GrayAlphaImage::from_raw(width, height, samples).map(DynamicImage::from),
        3 => image::RgbImage::from_raw(width, height, samples).map(DynamicImage::from),
        _ => RgbaImage::from_raw(width, height, samples).map(DynamicImage::from),
    };
    image.ok_or_else(|| "the image has another size".into())
}

/// Decodes a PNG row by row into the consumer that `new` makes for a number of channels; returns it with that number.
fn png_rows<R: Rows>(file: &[u8], size: Size, new: impl FnOnce(usize) -> R) -> Result<(R, usize), Cause> {
    let row = size.width as usize * 8 + 8;
    let limits = ::png::Limits { bytes: PNG_BUFFERS + 4 * row };
    let mut decoder = ::png::Decoder::new_with_limits(Cursor::new(file), limits);
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info()?;
    let (colour, depth) = reader.output_color_type();
    let channels = match colour {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb | ColorType::Indexed => 3,
        ColorType::Rgba => 4,
    };
    let mut rows = new(channels);
    let mut narrow = Vec::new();
    let passes: &[_] = if reader.info().interlaced { &ADAM7 } else { &[(0, 1, 0, 1)] };
    // A pass without columns has no rows.
    let passes = passes.iter().filter(|(_, _, x, _)| *x < size.width);
    let mut places = passes.flat_map(|&(y, dy, x, dx)| (y..size.height).step_by(dy).map(move |y| (y, x, dx)));
    while let Some(row) = reader.next_interlaced_row()? {
        let (y, x, step) = places.next().ok_or("there are more rows than the header tells")?;
        if depth == BitDepth::Sixteen {
            narrow.clear();
            narrow.extend(row.data().chunks_exact(2).map(|s| eight_bits(u16::from_be_bytes([s[0], s[1]]))));
            rows.row(y, x, step, &narrow);
        } else {
            rows.row(y, x, step, row.data());
        }
    }
    reader.finish()?;
    if places.next().is_some() {
        return Err("there are fewer rows than the header tells".into());
    }
    Ok((rows, channels))
}

/// Rounds as the `image` crate does.
fn eight_bits(sample: u16) -> u8 {
    ((u32::from(sample) + 128) / 257) as u8
}

/// Decodes in strict mode: otherwise zune-jpeg fills missing pixels with grey and reports success.
fn jpeg(picture: &Probed) -> Result<DynamicImage, Cause> {
    let size = picture.size;
    let file = if picture.sentinel { Cow::from(with_sentinel(&picture.bytes)) } else { Cow::from(&picture.bytes[..]) };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(size.width as usize)
        .set_max_height(size.height as usize);
    let mut decoder = JpegDecoder::new_with_options(Cursor::new(file), options);
    decoder.decode_headers()?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let colour = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(colour));
    let pixels = decoder.decode()?;
    let Size { width, height } = size;
    let image = if grey {
        image::GrayImage::from_raw(width, height, pixels).map(DynamicImage::from)
    } else {
        image::RgbImage::from_raw(width, height, pixels).map(DynamicImage::from)
    };
    image.ok_or_else(|| "the decoder made another size".into())
}

fn webp(file: &[u8], size: Size) -> Result<DynamicImage, Cause> {
    let decoder = WebPDecoder::new(Cursor::new(file))?;
    if decoder.dimensions() != (size.width, size.height) {
        return Err("the decoder sees another size".into());
    }
    Ok(DynamicImage::from_decoder(decoder)?)
}

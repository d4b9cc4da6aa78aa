//! Decoding, once and to the end. Only what a file's header bounds is allocated.

use crate::content::{Content, Warning};
use crate::error::Cause;
use crate::format::Format;
use crate::jpeg::with_sentinel;
use crate::{CheckedPicture, Probed, Refused, Size};
use ::png::{BitDepth, ColorType, Transformations};
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPDecoder;
use image::{DynamicImage, ImageDecoder};
use std::borrow::Cow;
use std::io::Cursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

/// Beside its rows a PNG decoder keeps a window of 32 KiB and some buffers.
const PNG_BUFFERS: usize = 1 << 20;

/// The passes of an interlaced PNG: first row, step between rows, first column, step between columns.
const ADAM7: [(u32, usize, u32, u32); 7] =
    [(0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1)];

/// What there is to be warned of in a picture that needs no turning.
pub(crate) fn look(picture: &Probed) -> Result<Vec<Warning>, Refused> {
    let content = match picture.format {
        // The rows of a PNG go by one at a time: a vast and empty one takes no memory.
        Format::Png => png_rows(&picture.bytes, picture.size),
        Format::Jpeg => jpeg(picture).map(|image| seen(&image)),
        Format::WebP => webp(&picture.bytes, picture.size).map(|image| seen(&image)),
    };
    content.map_err(undecodable)?.verdict()
}

/// The picture as a PNG file that is upright without a word about it.
pub(crate) fn turn_upright(picture: &Probed) -> Result<CheckedPicture, Refused> {
    let image = match picture.format {
        Format::Png => image::load_from_memory(&picture.bytes).map_err(Cause::from),
        Format::Jpeg => jpeg(picture),
        Format::WebP => webp(&picture.bytes, picture.size),
    };
    let mut image = match image.map_err(undecodable)? {
        deep if deep.color().has_alpha() => DynamicImage::ImageRgba8(deep.into_rgba8()),
        deep => DynamicImage::ImageRgb8(deep.into_rgb8()),
    };
    image.apply_orientation(picture.orientation);
    let warnings = seen(&image).verdict()?;
    let mut file = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut file, CompressionType::Fast, FilterType::Adaptive);
    image.write_with_encoder(encoder).map_err(|error| Refused::Unwritable(error.into()))?;
    Ok(CheckedPicture { bytes: file.into(), width: image.width(), height: image.height(), warnings })
}

fn undecodable(cause: Cause) -> Refused {
    Refused::Corrupt { detail: "The picture cannot be decoded to its end.".to_owned(), cause: Some(cause) }
}

/// Looks at a picture of 8 bits for each sample.
fn seen(image: &DynamicImage) -> Content {
    let mut content = Content::new(image.width(), image.height(), image.color().channel_count().into());
    let row = image.width() as usize * usize::from(image.color().channel_count());
    for (y, samples) in (0..).zip(image.as_bytes().chunks_exact(row)) {
        content.row(y, 0, 1, samples);
    }
    content
}

fn png_rows(file: &[u8], size: Size) -> Result<Content, Cause> {
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
    let mut content = Content::new(size.width, size.height, channels);
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
            content.row(y, x, step, &narrow);
        } else {
            content.row(y, x, step, row.data());
        }
    }
    reader.finish()?;
    Ok(content)
}

/// As the image library rounds it.
fn eight_bits(sample: u16) -> u8 {
    ((u32::from(sample) + 128) / 257) as u8
}

/// Strict: by default the decoder paints what it cannot read grey and says nothing.
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

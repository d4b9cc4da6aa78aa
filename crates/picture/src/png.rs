//! PNG: reads the file chunk by chunk (W3C PNG, third edition, section 5).

use crate::format::Format;
use crate::{PictureLimits, Probed, Refused, Size, animated, corrupt, orientation, unless_the_same, unsupported};
use bytes::Bytes;
use image::metadata::Orientation;

const SIGNATURE: usize = 8;
/// Length, type and checksum around the data of a chunk.
const FRAME: usize = 12;
/// The chunk that ends a file.
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

pub(crate) fn read(file: &Bytes, limits: PictureLimits) -> Result<Probed, Refused> {
    let size = header(file)?;
    limits.check(size.width, size.height)?;

    let mut clean = Vec::with_capacity(file.len());
    clean.extend_from_slice(&file[..SIGNATURE]);
    let (mut turned, mut has_pixels, mut frames, mut other_frames) = (None, false, 1, false);
    let mut rest = &file[SIGNATURE..];
    let cut = loop {
        let Some((kind, data, chunk)) = split(rest) else { break true };
        match kind {
            b"IHDR" | b"PLTE" | b"tRNS" | b"IDAT" => {
                has_pixels |= kind == b"IDAT";
                clean.extend_from_slice(chunk);
            }
            b"IEND" => break false,
            // The number of frames of an animation. Behind the pixels it has no meaning.
            b"acTL" if !has_pixels => {
                frames = data.first_chunk().map_or(1, |count| u32::from_be_bytes(*count));
            }
            b"fdAT" => other_frames = true,
            b"eXIf" => turned = turned.or_else(|| Some(orientation(data))),
            [first, ..] if first.is_ascii_uppercase() => {
                return Err(unsupported("The PNG file has a critical chunk that is not in the standard.".to_owned()));
            }
            _ => {}
        }
        rest = &rest[chunk.len()..];
    };
    if frames > 1 {
        return Err(animated(format!("an animated PNG of {frames} frames")));
    }
    if other_frames {
        return Err(animated("an animated PNG whose frame differs from its still image".to_owned()));
    }
    if !has_pixels {
        return Err(corrupt("The PNG file ends before its image does."));
    }
    clean.extend_from_slice(END);
    let bytes = unless_the_same(clean, file);
    let orientation = turned.unwrap_or(Orientation::NoTransforms);
    Ok(Probed { format: Format::Png, bytes, size, orientation, memory: 0, sentinel: false, cut })
}

/// The size, from the first chunk, which must be IHDR.
fn header(file: &[u8]) -> Result<Size, Refused> {
    match split(file.get(SIGNATURE..).unwrap_or_default()) {
        Some((b"IHDR", &[w0, w1, w2, w3, h0, h1, h2, h3, _, _, _, _, _], _)) => {
            Ok(Size { width: u32::from_be_bytes([w0, w1, w2, w3]), height: u32::from_be_bytes([h0, h1, h2, h3]) })
        }
        _ => Err(corrupt("The PNG file has no header.")),
    }
}

/// The type and the data of the first chunk, and the chunk as a whole; `None` when it is cut.
fn split(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let chunk = bytes.get(..length.checked_add(FRAME)?)?;
    Some((kind, &rest[..length], chunk))
}

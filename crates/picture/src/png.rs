//! PNG: from chunk to chunk (W3C PNG, third edition, section 5).

use crate::format::Format;
use crate::{PictureLimits, Probed, Refused, Size, animated, corrupt, orientation, unless_the_same, unsupported};
use bytes::Bytes;
use image::metadata::Orientation;

const SIGNATURE: usize = 8;
/// Length, type and checksum around a chunk's data.
const FRAME: usize = 12;

pub(crate) fn read(file: &Bytes, limits: PictureLimits) -> Result<Probed, Refused> {
    let size = header(file)?;
    size.check(limits)?;

    let mut clean = Vec::with_capacity(file.len());
    clean.extend_from_slice(&file[..SIGNATURE]);
    let mut turned = None;
    let mut rest = &file[SIGNATURE..];
    loop {
        let (kind, data, chunk) = split(rest).ok_or_else(|| corrupt("The PNG file ends before its picture does."))?;
        match kind {
            b"IHDR" | b"PLTE" | b"tRNS" | b"IDAT" => clean.extend_from_slice(chunk),
            b"IEND" => {
                clean.extend_from_slice(chunk);
                break;
            }
            b"acTL" => return Err(animated("an animated PNG")),
            b"eXIf" => turned = turned.or_else(|| Some(orientation(data))),
            [first, ..] if first.is_ascii_uppercase() => {
                let kind = String::from_utf8_lossy(kind);
                return Err(unsupported(format!("The PNG file has a chunk {kind:?} that is not in the standard.")));
            }
            _ => {}
        }
        rest = &rest[chunk.len()..];
    }
    let bytes = unless_the_same(clean, file);
    let orientation = turned.unwrap_or(Orientation::NoTransforms);
    // It is looked at row by row, unless it must be turned: then it is up to four channels of 16 bits.
    let memory = if orientation == Orientation::NoTransforms { 0 } else { 8 * size.pixels() };
    Ok(Probed { format: Format::Png, bytes, size, orientation, memory, sentinel: false })
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

/// The first chunk's type, its data, and all of it.
fn split(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let chunk = bytes.get(..length.checked_add(FRAME)?)?;
    Some((kind, &rest[..length], chunk))
}

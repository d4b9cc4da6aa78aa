//! WebP: a RIFF file of chunks (RFC 9649).

use crate::format::Format;
use crate::{PictureLimits, Probed, Refused, Size, animated, corrupt, orientation, unless_the_same, vp8l};
use bytes::Bytes;
use image::metadata::Orientation;

/// `RIFF`, a length, `WEBP`.
const FILE_HEADER: usize = 12;
const CHUNK_HEADER: usize = 8;
/// In the extended header: an animation; there is transparency.
const ANIMATION: u8 = 0x02;
const ALPHA: u8 = 0x10;

#[derive(Default)]
struct Chunks<'a> {
    extended: Option<&'a [u8]>,
    alpha: Option<&'a [u8]>,
    lossy: Option<&'a [u8]>,
    lossless: Option<&'a [u8]>,
    exif: Option<&'a [u8]>,
}

pub(crate) fn read(file: &Bytes, limits: PictureLimits) -> Result<Probed, Refused> {
    let chunks = Chunks::read(file)?;
    let canvas = chunks.extended.map(canvas).transpose()?;
    let size = match (chunks.lossy, chunks.lossless) {
        (Some(frame), None) => lossy_size(frame),
        (None, Some(frame)) => vp8l::size(frame),
        _ => None,
    };
    let size = size.ok_or_else(|| corrupt("The WebP file holds no picture, or more than one."))?;
    size.check(limits)?;
    if canvas.is_some_and(|canvas| canvas != size) {
        return Err(corrupt("The WebP file has two headers, of different sizes."));
    }
    // Planes and pixels, and the tables of what is lossless.
    let mut memory = 9 * size.pixels();
    if let Some(frame) = chunks.lossless {
        memory += vp8l::table_memory(&frame[vp8l::HEADER..], size)?;
    }

    let mut clean = b"RIFF\0\0\0\0WEBP".to_vec();
    clean.reserve(file.len());
    // Filtering and pre-processing bits stand above the method: 1 is lossless compression.
    let alpha = chunks.alpha.filter(|_| chunks.lossy.is_some() && chunks.extended.is_some_and(|x| x[0] & ALPHA != 0));
    if let Some(alpha) = alpha {
        if alpha.first().is_some_and(|method| method & 3 == 1) {
            memory += vp8l::table_memory(&alpha[1..], size)?;
        }
        let mut extended = [ALPHA, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        extended[4..7].copy_from_slice(&(size.width - 1).to_le_bytes()[..3]);
        extended[7..10].copy_from_slice(&(size.height - 1).to_le_bytes()[..3]);
        push(&mut clean, b"VP8X", &extended);
        push(&mut clean, b"ALPH", alpha);
    }
    match (chunks.lossy, chunks.lossless) {
        (Some(frame), _) => push(&mut clean, b"VP8 ", frame),
        (None, frame) => push(&mut clean, b"VP8L", frame.unwrap_or_default()),
    }
    let length = u32::try_from(clean.len() - 8).map_err(|_| corrupt("The WebP file is too long."))?;
    clean[4..8].copy_from_slice(&length.to_le_bytes());

    let orientation = chunks.exif.map_or(Orientation::NoTransforms, orientation);
    let bytes = unless_the_same(clean, file);
    Ok(Probed { format: Format::WebP, bytes, size, orientation, memory, sentinel: false })
}

impl<'a> Chunks<'a> {
    fn read(file: &'a [u8]) -> Result<Self, Refused> {
        let mut chunks = Self::default();
        // Without an extended header the picture is the only chunk, whatever may follow it.
        let mut rest = file.get(FILE_HEADER..).unwrap_or_default();
        while let Some((header, data)) = rest.split_first_chunk::<CHUNK_HEADER>() {
            let [k0, k1, k2, k3, l0, l1, l2, l3] = *header;
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let place = match &[k0, k1, k2, k3] {
                b"ANIM" | b"ANMF" => return Err(animated("an animated WebP")),
                b"VP8X" => Some(&mut chunks.extended),
                b"ALPH" => Some(&mut chunks.alpha),
                b"VP8 " => Some(&mut chunks.lossy),
                b"VP8L" => Some(&mut chunks.lossless),
                b"EXIF" => Some(&mut chunks.exif),
                _ => None,
            };
            let Some(content) = data.get(..length) else {
                // Behind the picture anything may hang.
                if chunks.lossy.is_some() || chunks.lossless.is_some() {
                    break;
                }
                return Err(corrupt("The WebP file ends before its picture does."));
            };
            if let Some(place) = place {
                place.get_or_insert(content);
            }
            if chunks.extended.is_none() && (chunks.lossy.is_some() || chunks.lossless.is_some()) {
                break;
            }
            rest = data.get(length + length % 2..).unwrap_or_default();
        }
        Ok(chunks)
    }
}

/// The size in an extended header, which may not be of an animation.
fn canvas(extended: &[u8]) -> Result<Size, Refused> {
    let &[flags, _, _, _, w0, w1, w2, h0, h1, h2] = extended else {
        return Err(corrupt("The header of the WebP file is damaged."));
    };
    if flags & ANIMATION != 0 {
        return Err(animated("an animated WebP"));
    }
    let side = |low, middle, high| u32::from_le_bytes([low, middle, high, 0]) + 1;
    Ok(Size { width: side(w0, w1, w2), height: side(h0, h1, h2) })
}

/// The size in a lossy key frame's header (RFC 6386, section 9.1).
fn lossy_size(frame: &[u8]) -> Option<Size> {
    let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = frame else { return None };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Some(Size { width: side(w0, w1), height: side(h0, h1) })
}

fn push(file: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    file.extend_from_slice(kind);
    // It was a chunk of a file that is in memory, with a length of 32 bits.
    file.extend_from_slice(&(content.len() as u32).to_le_bytes());
    file.extend_from_slice(content);
    if content.len() % 2 == 1 {
        file.push(0);
    }
}

//! JPEG: from segment to segment (ITU-T T.81, annex B).

use crate::format::Format;
use crate::{PictureLimits, Probed, Refused, Size, corrupt, orientation, unless_the_same, unsupported};
use bytes::Bytes;
use image::metadata::Orientation;

/// Each scan of a progressive picture goes over all of its pixels again. Encoders write some ten scans; a picture may
/// have more, but not so many that decoding takes longer than a picture of the largest size in this number of scans.
const SCANS: u64 = 12;
/// Most scans of any picture.
const MOST_SCANS: u64 = 100;

/// Where pixels are missing a decoder reads on behind the last scan: at the marker that ends the file it would be given
/// zeros without end, and paint them grey. So before that marker stand ones (each byte followed by the zero that tells it
/// from a marker): no code consists of ones alone (T.81, annex C), and whoever reads them fails.
const SENTINEL: [[u8; 2]; 16] = [[0xff, 0x00]; 16];

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const DQT: u8 = 0xdb;
const DHT: u8 = 0xc4;
const DRI: u8 = 0xdd;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP14: u8 = 0xee;

/// What a frame's header tells.
struct Frame {
    size: Size,
    components: u64,
    progressive: bool,
}

pub(crate) fn read(file: &Bytes, limits: PictureLimits) -> Result<Probed, Refused> {
    let mut clean = Vec::with_capacity(file.len());
    clean.extend_from_slice(&[0xff, SOI]);
    let (mut frame, mut turned, mut scans, mut coded, mut scanned) = (None::<Frame>, None, 0, 0, 0);
    let mut at = 2;
    let cut = || corrupt("The JPEG file ends before its picture does.");
    loop {
        at = next_marker(file, at).ok_or_else(cut)?;
        let marker = file[at + 1];
        match marker {
            EOI => break,
            SOI => return Err(corrupt("The JPEG file begins a second time before it ends.")),
            // These have no content.
            0x01 | 0xd0..=0xd7 => {
                at += 2;
                continue;
            }
            _ => {}
        }
        let content = content(file, at).ok_or_else(cut)?;
        let segment = &file[at..at + 4 + content.len()];
        at += segment.len();
        match marker {
            DQT | DHT | DRI => clean.extend_from_slice(segment),
            0xc0..=0xc2 => {
                let found = Frame::read(content, marker == 0xc2)?;
                found.size.check(limits)?;
                if frame.replace(found).is_some() {
                    return Err(corrupt("The JPEG file has two headers."));
                }
                clean.extend_from_slice(segment);
            }
            0xc3 | 0xc5..=0xcf => {
                return Err(unsupported("The JPEG file is lossless, hierarchical or arithmetic-coded.".to_owned()));
            }
            SOS => {
                scans += 1;
                let frame = frame.as_ref().ok_or_else(|| corrupt("The JPEG file has pixels before its header."))?;
                if scans > MOST_SCANS || scans * frame.size.pixels() > SCANS * limits.max_pixels {
                    return Err(unsupported(format!("The JPEG file has more than {} scans.", scans - 1)));
                }
                // Only a progressive picture comes back to what it has shown.
                scanned += u64::from(content.first().copied().unwrap_or_default());
                if !frame.progressive && scanned > frame.components {
                    return Err(corrupt("The JPEG file holds a part of its picture twice."));
                }
                let end = end_of_scan(file, at).ok_or_else(cut)?;
                coded += end - at;
                clean.extend_from_slice(segment);
                clean.extend_from_slice(&file[at..end]);
                at = end;
            }
            // The meaning of the colours hangs on these two. The first may hold a thumbnail, which is left out.
            APP0 if content.starts_with(b"JFIF\0") && content.len() >= 14 => {
                clean.extend_from_slice(&[0xff, APP0, 0, 16]);
                clean.extend_from_slice(&content[..12]);
                clean.extend_from_slice(&[0, 0]);
            }
            APP14 if content.starts_with(b"Adobe") && content.len() >= 12 => {
                clean.extend_from_slice(&[0xff, APP14, 0, 14]);
                clean.extend_from_slice(&content[..12]);
            }
            APP1 => {
                if let Some(exif) = content.strip_prefix(b"Exif\0\0") {
                    turned = turned.or_else(|| Some(orientation(exif)));
                }
            }
            _ => {}
        }
    }
    clean.extend_from_slice(&[0xff, EOI]);

    let Frame { size, components, progressive } = frame.ok_or_else(|| corrupt("The JPEG file has no header."))?;
    // Each block of 64 pixels takes two codes, in a progressive picture one, of a bit at least: a header that claims far
    // more than there is lies. (One that claims a little more is found out by the decoder: see `SENTINEL`.)
    if (coded as u64) < size.pixels() / 64 / if progressive { 8 } else { 4 } {
        return Err(corrupt("The JPEG file holds less than its header claims."));
    }
    // Pixels, the coefficients of all scans where they are gathered, and the file once more with its sentinel.
    let pixels = size.pixels() * if progressive || scans > 1 { 4 + 2 * components } else { 4 };
    let memory = pixels + clean.len() as u64;
    let orientation = turned.unwrap_or(Orientation::NoTransforms);
    // After the only scan of a progressive picture the decoder takes nothing but a marker.
    let sentinel = !progressive || scans > 1;
    Ok(Probed { format: Format::Jpeg, bytes: unless_the_same(clean, file), size, orientation, memory, sentinel })
}

/// A file that has been read, with the sentinel behind its last scan.
pub(crate) fn with_sentinel(file: &[u8]) -> Vec<u8> {
    let (pixels, end) = file.split_at(file.len() - 2);
    [pixels, SENTINEL.as_flattened(), end].concat()
}

impl Frame {
    fn read(content: &[u8], progressive: bool) -> Result<Self, Refused> {
        let Some((&[precision, h0, h1, w0, w1, components], rest)) = content.split_first_chunk() else {
            return Err(corrupt("The header of the JPEG file is cut."));
        };
        if precision != 8 {
            return Err(unsupported(format!("The JPEG file has {precision} bits for each sample.")));
        }
        if !matches!(components, 1 | 3 | 4) {
            return Err(unsupported(format!("The JPEG file has {components} colour components.")));
        }
        // Of each component: its name, how densely it is sampled, its table. None is denser than the first: encoders
        // write no others, and decoders are not made for them.
        let densities: Vec<(u8, u8)> = rest.chunks_exact(3).map(|one| (one[1] >> 4, one[1] & 15)).collect();
        let (across, down) = densities.first().copied().unwrap_or_default();
        let usual = |(h, v)| matches!((h, v), (1 | 2 | 4, 1 | 2 | 4)) && h <= across && v <= down;
        if densities.len() != usize::from(components) || !densities.into_iter().all(usual) {
            return Err(unsupported("The JPEG file has colours sampled in an unusual way.".to_owned()));
        }
        let size = Size { width: u16::from_be_bytes([w0, w1]).into(), height: u16::from_be_bytes([h0, h1]).into() };
        Ok(Self { size, components: components.into(), progressive })
    }
}

/// Where the next marker stands, from `at` on. What stands before it, and bytes that only fill, are passed over.
fn next_marker(file: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match file.get(at..at + 2)? {
            [0xff, 0x00 | 0xff] => at += 1,
            [0xff, _] => return Some(at),
            _ => at += 1,
        }
    }
}

/// What a segment holds behind its length.
fn content(file: &[u8], at: usize) -> Option<&[u8]> {
    let &[high, low] = file.get(at + 2..at + 4)? else { return None };
    file.get(at + 4..at + 2 + usize::from(u16::from_be_bytes([high, low])))
}

/// Where the marker stands that ends a scan's compressed data.
fn end_of_scan(file: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = next_marker(file, at)?;
        match file[at + 1] {
            0xd0..=0xd7 => at += 2,
            _ => return Some(at),
        }
    }
}

//! JPEG: reads the file segment by segment (ITU-T T.81, annex B).
//!
//! The decoder (zune-jpeg) has no limit on scans and paints missing pixels grey, so both are checked here; see
//! `docs/decisions/0016-image-scanners.md`.

use crate::format::Format;
use crate::{PictureLimits, Probed, Refused, Size, corrupt, orientation, unless_the_same, unsupported};
use bytes::Bytes;
use image::metadata::Orientation;

/// Each scan of a progressive image passes over all of its pixels. Encoders write about ten. A small image may have
/// more, as long as decoding it takes no longer than this number of scans of an image of the maximum size.
const SCANS: u64 = 12;
/// Maximum number of scans of any image.
const MAX_SCANS: u64 = 100;

/// Inserted between the entropy-coded data of the last scan and the end marker. When data is missing, the decoder reads
/// past the end of the scan; at the end marker it would get an endless run of zeros and decode them as grey. The
/// sentinel makes it read ones first (each 0xff byte is followed by the stuffed zero), and no Huffman code consists of
/// ones alone (T.81, annex C), so decoding fails.
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

/// The header of a frame.
struct Frame {
    size: Size,
    components: u64,
    progressive: bool,
}

pub(crate) fn read(file: &Bytes, limits: PictureLimits) -> Result<Probed, Refused> {
    let mut clean = Vec::with_capacity(file.len() + 2);
    clean.extend_from_slice(&[0xff, SOI]);
    let (mut frame, mut turned, mut scans, mut coded, mut scanned) = (None::<Frame>, None, 0, 0, 0);
    let mut at = 2;
    let truncated = || corrupt("The JPEG file ends before its image does.");
    // A file may lack its end marker although all pixels are there. Only a baseline image can be accepted then: of a
    // progressive one whole scans, and with them its details, may be missing.
    let cut = loop {
        let is_whole = frame.as_ref().is_some_and(|frame| !frame.progressive && scanned == frame.components);
        let Some((marker, content)) = next_marker(file, at).and_then(|found| {
            at = found;
            segment_content(file, found)
        }) else {
            if is_whole {
                break true;
            }
            return Err(truncated());
        };
        match marker {
            EOI => break false,
            SOI => return Err(corrupt("The JPEG file begins a second time before it ends.")),
            // Markers without content.
            0x01 | 0xd0..=0xd7 => {
                at += 2;
                continue;
            }
            _ => {}
        }
        let segment = &file[at..at + 4 + content.len()];
        at += segment.len();
        match marker {
            DQT | DHT | DRI => clean.extend_from_slice(segment),
            0xc0..=0xc2 => {
                let found = Frame::read(content, marker == 0xc2)?;
                limits.check(found.size.width, found.size.height)?;
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
                if scans > MAX_SCANS || scans * frame.size.pixels() > SCANS * limits.max_pixels {
                    return Err(unsupported(format!("The JPEG file has more than {} scans.", scans - 1)));
                }
                // Only a progressive image has several scans of the same component.
                scanned += u64::from(content.first().copied().unwrap_or_default());
                if !frame.progressive && scanned > frame.components {
                    return Err(corrupt("The JPEG file holds a part of its image twice."));
                }
                let end = match end_of_scan(file, at) {
                    Some(end) => end,
                    // A lone 0xff is half a marker.
                    None if !frame.progressive => file.len() - usize::from(file.ends_with(&[0xff])),
                    None => return Err(truncated()),
                };
                coded += end - at;
                clean.extend_from_slice(segment);
                clean.extend_from_slice(&file[at..end]);
                at = end;
            }
            // These two segments determine the colour space. A thumbnail in the first is left out.
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
    };
    clean.extend_from_slice(&[0xff, EOI]);

    let Frame { size, components, progressive } = frame.ok_or_else(|| corrupt("The JPEG file has no header."))?;
    // Each block of 64 pixels takes at least two codes of one bit, or one in a progressive image: a header that claims
    // far more pixels than that is refused before they are allocated. The decoder detects smaller differences; see `SENTINEL`.
    if (coded as u64) < size.pixels() / 64 / if progressive { 8 } else { 4 } {
        return Err(corrupt("The JPEG file holds less than its header claims."));
    }
    // The pixels, the coefficients of all scans where they are collected first, and a copy of the file for the sentinel.
    let pixels = size.pixels() * if progressive || scans > 1 { 4 + 2 * components } else { 4 };
    let memory = pixels + clean.len() as u64;
    let orientation = turned.unwrap_or(Orientation::NoTransforms);
    // After the only scan of a progressive image the decoder accepts nothing but a marker.
    let sentinel = !progressive || scans > 1;
    Ok(Probed { format: Format::Jpeg, bytes: unless_the_same(clean, file), size, orientation, memory, sentinel, cut })
}

/// The file with the sentinel behind its last scan.
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
        // Each component has an id, sampling factors and a quantisation table. No component may be sampled more densely
        // than the first: the decoder gets the colours of such files wrong.
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

/// The offset of the next marker at or after `at`. Fill bytes and anything else before it are skipped.
fn next_marker(file: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match file.get(at..at + 2)? {
            [0xff, 0x00 | 0xff] => at += 1,
            [0xff, _] => return Some(at),
            _ => at += 1,
        }
    }
}

/// The marker at an offset and the content of its segment (empty for markers without one); `None` when it is cut.
fn segment_content(file: &[u8], at: usize) -> Option<(u8, &[u8])> {
    let marker = *file.get(at + 1)?;
    if matches!(marker, EOI | SOI | 0x01 | 0xd0..=0xd7) {
        return Some((marker, &[]));
    }
    let &[high, low] = file.get(at + 2..at + 4)? else { return None };
    let content = file.get(at + 4..at + 2 + usize::from(u16::from_be_bytes([high, low])))?;
    Some((marker, content))
}

/// The offset of the marker that ends the entropy-coded data of a scan.
fn end_of_scan(file: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at = next_marker(file, at)?;
        match file[at + 1] {
            0xd0..=0xd7 => at += 2,
            _ => return Some(at),
        }
    }
}

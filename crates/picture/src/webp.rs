//! WebP: reads the chunks of the RIFF file (RFC 9649).

use crate::format::Format;
use crate::{PictureLimits, Probed, Refused, Size, animated, corrupt, orientation, unless_the_same, vp8l};
use bytes::Bytes;
use image::metadata::Orientation;

/// `RIFF`, a length, `WEBP`.
const FILE_HEADER: usize = 12;
const CHUNK_HEADER: usize = 8;
/// Place, size, duration and flags of an animation's frame.
const FRAME_HEADER: usize = 16;
/// The flags of the extended header: an animation; transparency.
const ANIMATION: u8 = 0x02;
const ALPHA: u8 = 0x10;

#[derive(Default)]
struct Chunks<'a> {
    extended: Option<&'a [u8]>,
    alpha: Option<&'a [u8]>,
    lossy: Option<&'a [u8]>,
    lossless: Option<&'a [u8]>,
    exif: Option<&'a [u8]>,
    /// The first frame of an animation.
    frame: Option<&'a [u8]>,
    frames: u32,
}

pub(crate) fn read(file: &Bytes, limits: PictureLimits) -> Result<Probed, Refused> {
    let mut chunks = Chunks::read(file.get(FILE_HEADER..).unwrap_or_default())?;
    if chunks.frames > 1 {
        return Err(animated(format!("an animated WebP of {} frames", chunks.frames)));
    }
    let canvas = chunks.extended.map(Canvas::read).transpose()?;
    let (mut has_alpha, is_animation) = canvas.as_ref().map_or((false, false), |c| (c.has_alpha, c.is_animation));
    if let Some(frame) = chunks.frame.filter(|_| is_animation) {
        // An animation of one frame is a still image. It may cover a part of the canvas; the rest is transparent.
        let frame = Chunks::read(frame.get(FRAME_HEADER..).unwrap_or_default())?;
        has_alpha |= frame.alpha.is_some();
        chunks = Chunks { extended: chunks.extended, exif: chunks.exif, ..frame };
    }
    let size = match (chunks.lossy, chunks.lossless) {
        (Some(frame), None) => lossy_size(frame),
        (None, Some(frame)) => vp8l::size(frame),
        _ => None,
    };
    let size = size.ok_or_else(|| corrupt("The WebP file holds no image, or more than one."))?;
    limits.check(size.width, size.height)?;
    if canvas.is_some_and(|canvas| !is_animation && canvas.size != size) {
        return Err(corrupt("The WebP file has two headers, of different sizes."));
    }
    // The planes and the pixels, and the code tables of a lossless bitstream.
    let mut memory = 9 * size.pixels();
    if let Some(frame) = chunks.lossless {
        memory += vp8l::table_memory(&frame[vp8l::HEADER..], size)?;
    }

    let mut clean = b"RIFF\0\0\0\0WEBP".to_vec();
    clean.reserve(file.len());
    let alpha = chunks.alpha.filter(|_| chunks.lossy.is_some() && has_alpha);
    if let Some(alpha) = alpha {
        // The lowest two bits are the compression method; 1 is lossless.
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
    Ok(Probed { format: Format::WebP, bytes, size, orientation, memory, sentinel: false, cut: false })
}

impl<'a> Chunks<'a> {
    /// Reads the chunks of a file or of a frame; of each kind the first counts.
    fn read(mut rest: &'a [u8]) -> Result<Self, Refused> {
        let mut chunks = Self::default();
        while let Some((header, data)) = rest.split_first_chunk::<CHUNK_HEADER>() {
            let [k0, k1, k2, k3, l0, l1, l2, l3] = *header;
            let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            let place = match &[k0, k1, k2, k3] {
                b"ANMF" => {
                    chunks.frames += 1;
                    Some(&mut chunks.frame)
                }
                b"VP8X" => Some(&mut chunks.extended),
                b"ALPH" => Some(&mut chunks.alpha),
                b"VP8 " => Some(&mut chunks.lossy),
                b"VP8L" => Some(&mut chunks.lossless),
                b"EXIF" => Some(&mut chunks.exif),
                _ => None,
            };
            let Some(content) = data.get(..length) else {
                // Trailing bytes behind the image are ignored.
                if chunks.has_image() {
                    break;
                }
                return Err(corrupt("The WebP file ends before its image does."));
            };
            if let Some(place) = place {
                place.get_or_insert(content);
            }
            // Without an extended header the image is the only chunk, and bytes behind it are ignored.
            if chunks.extended.is_none() && (chunks.lossy.is_some() || chunks.lossless.is_some()) {
                break;
            }
            rest = data.get(length + length % 2..).unwrap_or_default();
        }
        Ok(chunks)
    }

    fn has_image(&self) -> bool {
        self.lossy.is_some() || self.lossless.is_some() || self.frames > 1
    }
}

/// The extended header.
struct Canvas {
    size: Size,
    has_alpha: bool,
    is_animation: bool,
}

impl Canvas {
    fn read(extended: &[u8]) -> Result<Self, Refused> {
        let &[flags, _, _, _, w0, w1, w2, h0, h1, h2] = extended else {
            return Err(corrupt("The header of the WebP file is damaged."));
        };
        let side = |low, middle, high| u32::from_le_bytes([low, middle, high, 0]) + 1;
        let size = Size { width: side(w0, w1, w2), height: side(h0, h1, h2) };
        Ok(Self { size, has_alpha: flags & ALPHA != 0, is_animation: flags & ANIMATION != 0 })
    }
}

/// The size in the header of a lossy key frame (RFC 6386, section 9.1).
fn lossy_size(frame: &[u8]) -> Option<Size> {
    let &[_, _, _, 0x9d, 0x01, 0x2a, w0, w1, h0, h1, ..] = frame else { return None };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
    Some(Size { width: side(w0, w1), height: side(h0, h1) })
}

fn push(file: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) {
    file.extend_from_slice(kind);
    // The content was a chunk of a file in memory, so its length fits into 32 bits.
    file.extend_from_slice(&(content.len() as u32).to_le_bytes());
    file.extend_from_slice(content);
    if content.len() % 2 == 1 {
        file.push(0);
    }
}

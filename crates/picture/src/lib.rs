//! Checking a picture before anything is stored: is it one, is it whole, is there something to see?
//!
//! The way of a file, each step its own module:
//! 1. `format`: what it is, by its first bytes alone.
//! 2. `png`, `jpeg`, `webp`: its header is read, and everything is left out that makes no pixels: text, profiles,
//!    thumbnails, whatever hangs behind the end. A decoder never sees these, so nothing in them can harm one.
//! 3. `pixels`: it is decoded once, to its end, within the bounds that its header keeps.
//! 4. `content`: what there is to see.
//!
//! What comes out is a [`CheckedPicture`]: whoever holds one need not ask again.

mod content;
mod error;
mod format;
mod jpeg;
mod pixels;
mod png;
mod vp8l;
mod webp;

pub use content::Warning;
pub use error::{Cause, Refused};

use bytes::Bytes;
use format::Format;
use image::metadata::Orientation;

/// What a picture may be.
#[derive(Debug, Clone, Copy)]
pub struct PictureLimits {
    /// Most pixels, width times height.
    pub max_pixels: u64,
    /// Fewest pixels along either side.
    pub min_side: u32,
}

/// A picture that is whole, upright, free of everything but pixels, and shows something.
#[derive(Debug, Clone)]
pub struct CheckedPicture {
    /// Its file: PNG, JPEG or WebP. The client's own bytes where there was nothing to leave out or to turn.
    pub bytes: Bytes,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What may not be as the client meant it.
    pub warnings: Vec<Warning>,
}

impl CheckedPicture {
    /// Millions of pixels.
    pub fn megapixels(&self) -> f64 {
        f64::from(self.width) * f64::from(self.height) / 1e6
    }
}

/// A picture whose header has been read. Nothing has been decoded yet.
#[derive(Debug, Clone)]
pub struct Probed {
    format: Format,
    /// The file, without what makes no pixels.
    bytes: Bytes,
    size: Size,
    orientation: Orientation,
    /// Bytes that its decoder may take, its output included.
    memory: u64,
    /// A JPEG that is decoded with a sentinel behind its pixels.
    sentinel: bool,
}

/// What a header tells, before the rest of the file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    width: u32,
    height: u32,
}

impl Size {
    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    fn check(self, limits: PictureLimits) -> Result<(), Refused> {
        let Self { width, height } = self;
        let PictureLimits { max_pixels, min_side } = limits;
        if width < min_side || height < min_side {
            let detail = format!("The picture is {width} x {height} pixels; each side needs at least {min_side}.");
            return Err(Refused::TooSmall(detail));
        }
        if self.pixels() > max_pixels {
            let detail = format!("The picture is {width} x {height} pixels; at most {max_pixels} in all are taken.");
            return Err(Refused::TooLarge(detail));
        }
        Ok(())
    }
}

impl Probed {
    /// Reads a picture's header and leaves out what makes no pixels. Takes time and memory in proportion to the file,
    /// never to what it claims.
    ///
    /// # Errors
    /// All but [`Refused::Empty`].
    pub fn read(file: &Bytes, limits: PictureLimits) -> Result<Self, Refused> {
        match format::recognise(file)? {
            Format::Png => png::read(file, limits),
            Format::Jpeg => jpeg::read(file, limits),
            Format::WebP => webp::read(file, limits),
        }
    }

    /// Bytes of memory that [`Probed::decode`] may take.
    pub fn cost(&self) -> u64 {
        // A picture that is turned is held twice, and once more as the file it becomes.
        let turned = if self.orientation == Orientation::NoTransforms { 0 } else { 12 };
        self.memory + self.size.pixels() * turned + (2 << 20)
    }

    /// Decodes it to its end and looks at it. Blocks meanwhile.
    ///
    /// # Errors
    /// [`Refused::Corrupt`] or [`Refused::Empty`].
    pub fn decode(self) -> Result<CheckedPicture, Refused> {
        let Size { width, height } = self.size;
        if self.orientation == Orientation::NoTransforms {
            let warnings = pixels::look(&self)?;
            return Ok(CheckedPicture { bytes: self.bytes, width, height, warnings });
        }
        pixels::turn_upright(&self)
    }
}

/// Checks a picture from its first byte to its last pixel. Blocks meanwhile.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check(file: &Bytes, limits: PictureLimits) -> Result<CheckedPicture, Refused> {
    Probed::read(file, limits)?.decode()
}

fn corrupt(detail: &str) -> Refused {
    Refused::Corrupt { detail: detail.to_owned(), cause: None }
}

fn unsupported(detail: String) -> Refused {
    Refused::Unsupported(detail)
}

fn animated(what: &str) -> Refused {
    Refused::Animated(format!("The file is {what}."))
}

/// The orientation in an EXIF block; what cannot be read turns nothing.
fn orientation(exif: &[u8]) -> Orientation {
    // In WebP some writers begin it as JPEG does.
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}

/// The client's own bytes if they are the same: then nothing is held twice.
fn unless_the_same(clean: Vec<u8>, file: &Bytes) -> Bytes {
    if clean == file[..] { file.clone() } else { clean.into() }
}

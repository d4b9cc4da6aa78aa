//! Checks and decodes images: PNG, JPEG and WebP.
//!
//! A file passes these steps, each in a module of its own:
//! 1. `format`: the format is recognised by the first bytes alone.
//! 2. `png`, `jpeg`, `webp`: the header is read, and everything that makes no pixels is left out: text, profiles,
//!    thumbnails, trailing bytes. Decoders never see these parts, so nothing in them can exploit one.
//! 3. `pixels`: the image is decoded once, to its end, in memory that its header bounds.
//! 4. `content`: empty images are refused, and doubtful ones get [`Warning`]s.
//!
//! The gateway calls [`Probed::read`] and [`Probed::decode`] and stores the resulting [`CheckedPicture`]; the worker calls
//! [`decode_rgba`] on the stored file. Both apply [`PictureLimits`], so a stored file can be decoded.

mod content;
mod error;
mod format;
mod jpeg;
mod limits;
mod pixels;
mod png;
mod rows;
mod vp8l;
mod webp;

pub use content::Warning;
pub use error::{Cause, Refused};
pub use limits::PictureLimits;

use bytes::Bytes;
use format::Format;
use image::RgbaImage;
use image::metadata::Orientation;

/// An image that was decoded without error, is upright, shows something, and whose file holds nothing but pixels.
#[derive(Debug, Clone)]
pub struct CheckedPicture {
    /// The file: PNG, JPEG or WebP. It is the client's own file when nothing had to be left out or turned.
    pub bytes: Bytes,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Doubts about the image.
    pub warnings: Vec<Warning>,
}

impl CheckedPicture {
    /// Millions of pixels.
    pub fn megapixels(&self) -> f64 {
        f64::from(self.width) * f64::from(self.height) / 1e6
    }
}

/// An image whose header was read and whose pixels were not decoded yet.
#[derive(Debug, Clone)]
pub struct Probed {
    format: Format,
    /// The file, without the parts that make no pixels.
    bytes: Bytes,
    size: Size,
    orientation: Orientation,
    /// Bytes that the decoder may allocate, its output included. A PNG is decoded row by row.
    memory: u64,
    /// A JPEG that is decoded with a sentinel behind its last scan.
    sentinel: bool,
    /// The file lacks its end marker. If its pixels turn out to be incomplete as well, it was truncated.
    cut: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size {
    width: u32,
    height: u32,
}

impl Size {
    fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

impl Probed {
    /// Reads the header of an image and leaves out the parts of the file that make no pixels. Time and memory are
    /// proportional to the length of the file, whatever its header claims.
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
        // To turn an image, the decoded and the turned pixels are held at once, and the new file beside them.
        let turned = if self.is_upright() { 0 } else { 12 };
        self.memory + self.size.pixels() * turned + (2 << 20)
    }

    /// Bytes of memory that [`Probed::into_rgba`] may take.
    pub fn rgba_cost(&self) -> u64 {
        self.memory + self.size.pixels() * if self.is_upright() { 8 } else { 12 } + (2 << 20)
    }

    /// Decodes the image to its end and checks its content. Blocks.
    ///
    /// # Errors
    /// [`Refused::Corrupt`] or [`Refused::Empty`].
    pub fn decode(self) -> Result<CheckedPicture, Refused> {
        let Size { width, height } = self.size;
        if self.is_upright() {
            let warnings = pixels::inspect(&self)?;
            return Ok(CheckedPicture { bytes: self.bytes, width, height, warnings });
        }
        pixels::turn_upright(&self)
    }

    /// Decodes the image: 8 bits per channel, not premultiplied, upright. An image without alpha is opaque. Blocks.
    ///
    /// # Errors
    /// [`Refused::Corrupt`].
    pub fn into_rgba(self) -> Result<RgbaImage, Refused> {
        pixels::rgba(&self)
    }

    fn is_upright(&self) -> bool {
        self.orientation == Orientation::NoTransforms
    }
}

/// Checks an image from its first byte to its last pixel. Blocks.
///
/// # Errors
/// The first fault found.
pub fn check(file: &Bytes, limits: PictureLimits) -> Result<CheckedPicture, Refused> {
    Probed::read(file, limits)?.decode()
}

/// Decodes an image within [`PictureLimits::MAX`]: 8 bits per channel, not premultiplied, upright. Blocks. Every file that
/// [`check`] accepted under any limits is accepted here.
///
/// # Errors
/// The first fault found; content is not checked.
pub fn decode_rgba(file: &Bytes) -> Result<RgbaImage, Refused> {
    Probed::read(file, PictureLimits::MAX)?.into_rgba()
}

/// Whether a file begins as PNG, JPEG or WebP files do.
pub fn is_supported(file: &[u8]) -> bool {
    Format::of(file).is_some()
}

fn corrupt(detail: &str) -> Refused {
    Refused::Corrupt { detail: detail.to_owned(), cause: None }
}

fn unsupported(detail: String) -> Refused {
    Refused::Unsupported(detail)
}

fn animated(what: String) -> Refused {
    Refused::Animated(format!("The file is {what}."))
}

/// The orientation in an EXIF block; an unreadable block means upright.
fn orientation(exif: &[u8]) -> Orientation {
    // Some writers of WebP begin the block as JPEG does.
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms)
}

/// The client's own bytes if they are the same, so that nothing is held twice.
fn unless_the_same(clean: Vec<u8>, file: &Bytes) -> Bytes {
    if clean == file[..] { file.clone() } else { clean.into() }
}

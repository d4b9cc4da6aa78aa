use std::fmt;
use std::io::Cursor;
use std::str::FromStr;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbaImage};

use crate::error::Error;

/// Sides beyond this are refused before memory is asked for.
const MAX_SIDE: u32 = 16_384;
/// Memory that decoding one picture may take, in bytes.
const MAX_ALLOC: u64 = 512 << 20;

/// Where a view looks from: front, then a quarter turn clockwise each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum View {
    /// From the front.
    Front,
    /// From the left.
    Left,
    /// From behind.
    Back,
    /// From the right.
    Right,
}

impl View {
    /// All views, by slot.
    pub const ALL: [View; 4] = [View::Front, View::Left, View::Back, View::Right];

    /// Number of the view's row in the encoder's table of views.
    pub fn slot(self) -> i64 {
        self as i64
    }

    /// Its name in requests.
    pub fn name(self) -> &'static str {
        match self {
            View::Front => "front",
            View::Left => "left",
            View::Back => "back",
            View::Right => "right",
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for View {
    type Err = Error;

    /// # Errors
    /// [`Error::Invalid`] if there is no view of that name.
    fn from_str(name: &str) -> Result<View, Error> {
        let view = View::ALL.into_iter().find(|view| view.name() == name);
        view.ok_or_else(|| Error::Invalid(format!("there is no view {name:?}: front, left, back and right exist")))
    }
}

/// What a shape is made from: 8-bit RGBA, not premultiplied. What is transparent is background.
#[derive(Clone, Debug, PartialEq)]
pub enum Picture {
    /// One picture, for single-view models.
    Single(RgbaImage),
    /// Named views of one thing, in any order, each view at most once, for multi-view models.
    Views(Vec<(View, RgbaImage)>),
}

impl Picture {
    /// Decodes one PNG, JPEG or WebP file.
    ///
    /// # Errors
    /// [`Error::Picture`] if it is none of these, broken, or larger than 16384 pixels on a side.
    pub fn decode(file: &[u8]) -> Result<Picture, Error> {
        decode_rgba(file).map(Picture::Single)
    }

    /// Decodes one file for each named view.
    ///
    /// # Errors
    /// As [`Picture::decode`].
    pub fn decode_views<'a>(files: impl IntoIterator<Item = (View, &'a [u8])>) -> Result<Picture, Error> {
        let views = files.into_iter().map(|(view, file)| Ok((view, decode_rgba(file)?)));
        views.collect::<Result<_, Error>>().map(Picture::Views)
    }
}

/// An opaque picture gets full alpha; one that carries an orientation is turned upright.
fn decode_rgba(file: &[u8]) -> Result<RgbaImage, Error> {
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(image::ImageError::IoError)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_ALLOC);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image.into_rgba8())
}

//! File formats, recognised by their first bytes. File names and declared media types are ignored.

use crate::{Refused, unsupported};

/// The supported formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Jpeg,
    WebP,
}

impl Format {
    /// The format of a file, if it is a supported one.
    pub(crate) fn of(file: &[u8]) -> Option<Self> {
        match file {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
        }
    }
}

/// The format of a file.
///
/// # Errors
/// [`Refused::Unsupported`], with the name of the format where it is known.
pub(crate) fn recognise(file: &[u8]) -> Result<Format, Refused> {
    Format::of(file).ok_or_else(|| unsupported(format!("The file is {}.", describe(file))))
}

/// What a file of another format is.
fn describe(file: &[u8]) -> &'static str {
    match file {
        [b'G', b'I', b'F', b'8', ..] => "a GIF file",
        [b'B', b'M', ..] => "a BMP file",
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => "a TIFF file (or a raw photo)",
        [0, 0, 1, 0, ..] => "an ICO file",
        [0, 0, 2, 0, n, 0, ..] if *n > 0 => "a CUR file",
        [_, _, _, _, b'f', b't', b'y', b'p', rest @ ..] => iso_media(rest.first_chunk()),
        [0, 0, 0, 0x0c, b'J', b'X', b'L', b' ', ..] | [0xff, 0x0a, ..] => "a JPEG XL file",
        [0, 0, 0, 0x0c, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => "a JPEG 2000 file",
        [b'8', b'B', b'P', b'S', ..] => "a PSD file",
        [0x76, 0x2f, 0x31, 0x01, ..] => "an OpenEXR file",
        [b'#', b'?', ..] => "a Radiance HDR file",
        [b'D', b'D', b'S', b' ', ..] => "a DDS file",
        [b'q', b'o', b'i', b'f', ..] => "a QOI file",
        [b'P', b'1'..=b'7', b' ' | b'\n' | b'\r' | b'\t', ..] => "a PNM file",
        [b'R', b'I', b'F', b'F', ..] => "a RIFF file, but not WebP",
        [b'%', b'P', b'D', b'F', ..] => "a PDF file",
        [b'P', b'K', 3, 4, ..] => "a ZIP file",
        [0x1f, 0x8b, ..] => "a gzip file",
        [b'g', b'l', b'T', b'F', ..] => "a mesh",
        _ if file.ends_with(b"TRUEVISION-XFILE.\0") || is_old_targa(file) => "a TGA file",
        _ => match text(file).first() {
            Some(b'<') => "an SVG, XML or HTML file",
            Some(b'{' | b'[') => "JSON",
            _ => "of no known image format",
        },
    }
}

/// ISO base media files, by their major brand.
fn iso_media(brand: Option<&[u8; 4]>) -> &'static str {
    match brand {
        Some(b"avif" | b"avis") => "an AVIF file",
        Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1") => "a HEIC file",
        Some(b"crx ") => "a raw photo",
        _ => "a video, HEIC or AVIF file",
    }
}

/// TGA of the first version has no signature: its header is recognised by the values that its fields may have.
fn is_old_targa(file: &[u8]) -> bool {
    let Some(&[_, map, kind, _, _, _, _, map_depth, _, _, _, _, w0, w1, h0, h1, depth, flags]) = file.first_chunk()
    else {
        return false;
    };
    let is_mapped = map == 1 && matches!(kind, 1 | 9) && matches!(map_depth, 15 | 16 | 24 | 32) && depth == 8;
    let is_direct = map == 0 && matches!(kind, 2 | 3 | 10 | 11) && matches!(depth, 8 | 15 | 16 | 24 | 32);
    (is_mapped || is_direct) && (w0 | w1) > 0 && (h0 | h1) > 0 && flags & 0xc0 == 0
}

/// A text without a byte order mark and white space before it.
fn text(file: &[u8]) -> &[u8] {
    file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file).trim_ascii_start()
}

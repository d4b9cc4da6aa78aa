//! Content encodings of request bodies (RFC 9110, section 8.4).

use actix_web::http::header::HeaderValue;
use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use http_api::{Problem, codes};
use std::io::{self, Read};

/// Maximum number of encodings applied one after the other.
const MAX_ENCODINGS: usize = 2;
/// Buffer of the Brotli decoder, in bytes.
const BROTLI_BUFFER: usize = 16 << 10;

/// A supported encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    Deflate,
    Brotli,
}

impl Encoding {
    /// The encodings that the headers name, in the order in which they were applied.
    pub(super) fn of<'a>(headers: impl Iterator<Item = &'a HeaderValue>) -> Result<Vec<Self>, Problem> {
        let mut encodings = Vec::new();
        for header in headers {
            let names = String::from_utf8_lossy(header.as_bytes()).to_ascii_lowercase();
            for name in names.split(',').map(str::trim) {
                encodings.push(match name {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "deflate" => Self::Deflate,
                    "br" => Self::Brotli,
                    other => {
                        let detail = format!("The content encoding is {:?}.", crate::json::clip(other));
                        return Err(Problem::new(&codes::UNSUPPORTED_CONTENT_ENCODING, detail));
                    }
                });
            }
        }
        if encodings.len() > MAX_ENCODINGS {
            let detail = format!("The body is encoded more than {MAX_ENCODINGS} times.");
            return Err(Problem::new(&codes::UNSUPPORTED_CONTENT_ENCODING, detail));
        }
        Ok(encodings)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
        }
    }

    /// Decompresses a body, to at most `max_bytes`.
    pub(super) fn decode(self, bytes: &[u8], max_bytes: usize) -> Result<Vec<u8>, Problem> {
        let decoded = match self {
            Self::Gzip => bounded(MultiGzDecoder::new(bytes), max_bytes),
            // By the standard this is the zlib format, but some clients send the raw stream.
            Self::Deflate => {
                bounded(ZlibDecoder::new(bytes), max_bytes).or_else(|_| bounded(DeflateDecoder::new(bytes), max_bytes))
            }
            Self::Brotli => bounded(Decompressor::new(bytes, BROTLI_BUFFER), max_bytes),
        };
        match decoded {
            Ok(decoded) if decoded.len() > max_bytes => {
                let detail = format!("The decompressed body is larger than {max_bytes} bytes.");
                Err(Problem::new(&codes::BODY_TOO_LARGE, detail))
            }
            Ok(decoded) => Ok(decoded),
            Err(error) => {
                let detail = format!("The body is not {}, although Content-Encoding says so.", self.name());
                Err(Problem::new(&codes::INVALID_CONTENT_ENCODING, detail).because(error))
            }
        }
    }
}

/// Reads to the end, or one byte beyond the limit.
fn bounded(reader: impl Read, max_bytes: usize) -> io::Result<Vec<u8>> {
    let mut decoded = Vec::new();
    reader.take(max_bytes as u64 + 1).read_to_end(&mut decoded)?;
    Ok(decoded)
}

//! The form of a request body, from its headers: media type, charset, content encoding, announced length.

mod encoding;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, TRANSFER_ENCODING};
use bytes::Bytes;
use encoding::Encoding;
use http_api::{BodyBounds, Problem, codes};

/// What the headers of a request say about its body.
#[derive(Debug)]
pub(crate) struct BodyFormat {
    content: Content,
    encodings: Vec<Encoding>,
    /// The announced length, if there is one.
    length: Option<usize>,
    /// Maximum length, also of the decompressed body.
    max_bytes: usize,
}

/// The supported media types.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// One JSON object.
    Json {
        /// The declared charset.
        charset: Option<String>,
    },
    /// `multipart/form-data`.
    Multipart {
        /// The boundary between parts.
        boundary: String,
    },
}

/// A complete body, decompressed.
#[derive(Debug)]
pub(crate) struct Body {
    /// Its bytes.
    pub(crate) bytes: Bytes,
    /// Its media type.
    pub(crate) content: Content,
}

impl BodyFormat {
    /// Reads the headers. What cannot be accepted is refused before the body is read.
    pub(crate) fn of(request: &HttpRequest, bounds: BodyBounds) -> Result<Self, Problem> {
        let headers = request.headers();
        let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
        let length = length.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        let max_bytes = bounds.max_bytes;
        match length {
            Some(0) => return Err(empty()),
            Some(length) if length > max_bytes => {
                let detail = format!(
                    "The body has {length} bytes; at most {max_bytes} are accepted. In JSON an image takes a third more \
                     than as form data."
                );
                return Err(Problem::new(&codes::BODY_TOO_LARGE, detail));
            }
            _ => {}
        }
        let has_body = length.is_some() || headers.contains_key(TRANSFER_ENCODING);
        let content = content(headers, has_body)?;
        Ok(Self { content, encodings: Encoding::of(headers.get_all(CONTENT_ENCODING))?, length, max_bytes })
    }

    /// Bytes of memory that the body and everything made of it take at most: the body itself; for JSON its values and
    /// the decoded images; for form data the parts.
    pub(crate) fn memory(&self) -> usize {
        let length = self.length.filter(|_| self.encodings.is_empty()).unwrap_or(self.max_bytes);
        let copies = match self.content {
            Content::Json { .. } => 3,
            Content::Multipart { .. } => 2,
        };
        length.saturating_mul(copies)
    }

    /// The complete body, decompressed. Takes time in proportion to it; call it on a blocking thread.
    pub(crate) fn body(self, bytes: Bytes) -> Result<Body, Problem> {
        let bytes = self
            .encodings
            .into_iter()
            .rev()
            .try_fold(bytes, |bytes, encoding| encoding.decode(&bytes, self.max_bytes).map(Bytes::from))?;
        if bytes.is_empty() { Err(empty()) } else { Ok(Body { bytes, content: self.content }) }
    }
}

fn content(headers: &HeaderMap, has_body: bool) -> Result<Content, Problem> {
    let unsupported = |detail: String| Err(Problem::new(&codes::UNSUPPORTED_CONTENT_TYPE, detail));
    let Some(value) = headers.get(CONTENT_TYPE) else {
        // A request without a body needs no type, and the type is not what is missing.
        return if has_body { unsupported("The request names no content type.".to_owned()) } else { Err(empty()) };
    };
    let value = String::from_utf8_lossy(value.as_bytes());
    let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match media_type.as_str() {
        "application/json" | "text/json" => Ok(Content::Json { charset: charset(&value) }),
        "multipart/form-data" => match multer::parse_boundary(&*value) {
            Ok(boundary) => Ok(Content::Multipart { boundary }),
            Err(_) => {
                let detail = "The content type names no boundary between the parts of the form.";
                Err(Problem::new(&codes::INVALID_MULTIPART, detail))
            }
        },
        other => unsupported(format!("The content type is {:?}.", crate::json::clip(other))),
    }
}

/// The `charset` parameter of a content type.
fn charset(content_type: &str) -> Option<String> {
    let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let mut charsets = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("charset"));
    charsets.next().map(|(_, value)| value.trim().trim_matches('"').to_owned())
}

fn empty() -> Problem {
    Problem::new(&codes::EMPTY_BODY, "The body has no bytes.")
}

//! Layer 1, transport: content type, length, and time. What does not fit is refused before any of it is kept.

mod room;

pub(crate) use room::Rooms;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use bytes::Bytes;
use http_api::{BodyBounds, Problem, codes};

/// A body that has arrived whole.
#[derive(Debug)]
pub(crate) struct Body {
    /// Its bytes.
    pub(crate) bytes: Bytes,
    /// What they are.
    pub(crate) form: Form,
}

/// The forms of a body.
#[derive(Debug)]
pub(crate) enum Form {
    /// One JSON object.
    Json,
    /// `multipart/form-data`; the headers tell how its parts are set apart.
    Multipart(HeaderMap),
}

impl Form {
    /// What a request says that its body is, and whether it says that it fits.
    pub(crate) fn of(request: &HttpRequest, bounds: BodyBounds) -> Result<Self, Problem> {
        let headers = request.headers();
        let length = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
        match length {
            Some(0) => return Err(empty()),
            Some(length) if length > bounds.max_bytes as u64 => {
                let detail = format!("The body is larger than {} bytes.", bounds.max_bytes);
                return Err(Problem::new(&codes::BODY_TOO_LARGE, detail));
            }
            _ => {}
        }
        let Some(value) = headers.get(CONTENT_TYPE) else {
            // Without a body nobody names a type, and the type is not what is missing.
            let has_body = length.is_some() || headers.contains_key("transfer-encoding");
            let unnamed = || Problem::new(&codes::UNSUPPORTED_CONTENT_TYPE, "The request names no content type.");
            return Err(if has_body { unnamed() } else { empty() });
        };
        let media_type = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
        match media_type.to_ascii_lowercase().as_str() {
            "application/json" => Ok(Self::Json),
            "multipart/form-data" => Ok(Self::Multipart(headers.clone())),
            other => {
                let detail = format!("The content type is {:?}.", other.chars().take(64).collect::<String>());
                Err(Problem::new(&codes::UNSUPPORTED_CONTENT_TYPE, detail))
            }
        }
    }

    /// The body, once its bytes are there.
    pub(crate) fn with(self, bytes: Bytes) -> Result<Body, Problem> {
        if bytes.is_empty() { Err(empty()) } else { Ok(Body { bytes, form: self }) }
    }
}

fn empty() -> Problem {
    Problem::new(&codes::EMPTY_BODY, "The body has no bytes.")
}

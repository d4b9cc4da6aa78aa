//! Reading a request's body, in either of its two forms, into a picture and parameters.

mod body;
mod fields;
mod json;
mod multipart;

use crate::intake::Room;
use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::Payload;
use bytes::Bytes;
use domain::Parameters;
use std::time::Duration;
use web::{Problem, codes};

/// A request's content, before the picture is looked at.
#[derive(Debug)]
pub(crate) struct Upload {
    /// The picture's file, as it was sent.
    pub(crate) image: Bytes,
    /// What it is to be made with.
    pub(crate) parameters: Parameters,
}

/// How much a body may be, and how long it may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UploadLimits {
    /// Most bytes of a body.
    pub(crate) max_body_bytes: usize,
    /// Time for a body to arrive whole.
    pub(crate) timeout: Duration,
}

/// Reads a body, for which there must be room.
pub(crate) async fn read(request: &HttpRequest, payload: Payload, room: &Room) -> Result<Upload, Problem> {
    let limits = room.limits;
    let length = request.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    match length {
        Some(0_u64) => return Err(empty()),
        Some(length) if length > limits.max_body_bytes as u64 => return Err(too_large(limits.max_body_bytes)),
        _ => {}
    }
    let body = body::capped(payload, limits.max_body_bytes);
    let reading = async {
        match media_type(request).as_deref() {
            Some("multipart/form-data") => multipart::read(request.headers(), body, limits.max_body_bytes).await,
            Some("application/json") => json::read(body, limits.max_body_bytes).await,
            Some(other) => {
                let detail = format!("The content type is {other:?}.");
                Err(Problem::new(&codes::UNSUPPORTED_CONTENT_TYPE, detail))
            }
            // Without a body nobody names a type, and the type is not what is missing.
            None if body::is_empty(body).await => Err(empty()),
            None => Err(Problem::new(&codes::UNSUPPORTED_CONTENT_TYPE, "The request names no content type.")),
        }
    };
    match tokio::time::timeout(limits.timeout, reading).await {
        Ok(upload) => upload,
        Err(_) => {
            let detail = format!("The body took longer than {} seconds.", limits.timeout.as_secs_f64());
            Err(Problem::new(&codes::BODY_TIMEOUT, detail))
        }
    }
}

/// The content type in lower case, without its parameters.
fn media_type(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn empty() -> Problem {
    Problem::new(&codes::EMPTY_BODY, "The body has no bytes.")
}

fn too_large(limit: usize) -> Problem {
    Problem::new(&codes::BODY_TOO_LARGE, format!("The body is larger than {limit} bytes."))
}

fn missing_image() -> Problem {
    Problem::new(&codes::MISSING_IMAGE, "The field `image` is missing or empty.").with_parameter("image")
}

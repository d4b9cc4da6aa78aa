//! Responses.

use crate::Refused;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::Duration;

/// The response to a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, if given in seconds (RFC 9110, section 10.2.3).
    pub retry_after: Option<Duration>,
    /// The beginning of the body.
    pub body: Bytes,
}

/// Reads at most `max` bytes of the body.
pub(crate) async fn beginning(mut response: Response<Incoming>, max: usize) -> Answer {
    let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
    let mut body = BytesMut::new();
    while body.len() < max {
        let Some(Ok(frame)) = response.frame().await else { break };
        if let Ok(data) = frame.into_data() {
            body.extend_from_slice(&data[..data.len().min(max - body.len())]);
        }
    }
    Answer { status, retry_after, body: body.freeze() }
}

/// The whole body of a successful response.
pub(crate) async fn whole(mut response: Response<Incoming>, max: usize) -> Result<Bytes, Refused> {
    if response.status() != StatusCode::OK {
        return Err(Refused::Status(response.status().as_u16()));
    }
    // The decoded size would be unbounded.
    if response
        .headers()
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Refused::Encoded);
    }
    let length = response.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if length.is_some_and(|length: u64| length > max as u64) {
        return Err(Refused::TooLarge(max));
    }
    let mut body = BytesMut::new();
    while let Some(frame) = response.frame().await {
        let frame = frame.map_err(|error| Refused::Unreachable(error.into()))?;
        if let Ok(data) = frame.into_data() {
            if data.len() > max - body.len() {
                return Err(Refused::TooLarge(max));
            }
            body.extend_from_slice(&data);
        }
    }
    Ok(body.freeze())
}

fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

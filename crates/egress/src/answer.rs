//! What comes back.

use crate::Refused;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::time::Duration;

/// The answer to a call, as far as anybody here wants to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// How long the other side wants to be left alone, where it says so in seconds (RFC 9110, section 10.2.3).
    pub retry_after: Option<Duration>,
    /// The beginning of the answer's body, at most as long as was asked for.
    pub body: Bytes,
}

/// The beginning of a body: what is beyond `most` bytes is not read.
pub(crate) async fn beginning(mut response: Response<Incoming>, most: usize) -> Answer {
    let (status, retry_after) = (response.status().as_u16(), retry_after(&response));
    let mut body = BytesMut::new();
    while body.len() < most {
        let Some(Ok(frame)) = response.frame().await else { break };
        if let Ok(data) = frame.into_data() {
            body.extend_from_slice(&data[..data.len().min(most - body.len())]);
        }
    }
    Answer { status, retry_after, body: body.freeze() }
}

/// All of a successful answer.
pub(crate) async fn whole(mut response: Response<Incoming>, most: usize) -> Result<Bytes, Refused> {
    if response.status() != StatusCode::OK {
        return Err(Refused::Status(response.status().as_u16()));
    }
    // Unpacked it may be of any size.
    if response
        .headers()
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        return Err(Refused::Encoded);
    }
    let length = response.headers().get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
    if length.is_some_and(|length: u64| length > most as u64) {
        return Err(Refused::TooLarge(most));
    }
    let mut body = BytesMut::new();
    while let Some(frame) = response.frame().await {
        let frame = frame.map_err(|error| Refused::Unreachable(error.into()))?;
        if let Ok(data) = frame.into_data() {
            if data.len() > most - body.len() {
                return Err(Refused::TooLarge(most));
            }
            body.extend_from_slice(&data);
        }
    }
    Ok(body.freeze())
}

fn retry_after(response: &Response<Incoming>) -> Option<Duration> {
    response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

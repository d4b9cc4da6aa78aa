//! Bodies of administrative requests: small JSON objects.

use crate::{json, transport};
use access::{Caller, Operation};
use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Payload;
use http_api::{BodyBounds, IncomingRequest, Problem, codes};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

const BOUNDS: BodyBounds = BodyBounds { max_bytes: 64 << 10, timeout: Duration::from_secs(10), min_rate: 0 };

/// Authenticates the sender and parses the body.
pub(super) async fn read<T: DeserializeOwned>(
    incoming: IncomingRequest,
    request: &HttpRequest,
    payload: Payload,
) -> Result<(Caller, T), Problem> {
    let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json");
    let (caller, bytes) = incoming.read(payload, Operation::Admin, BOUNDS).await?;
    if !is_json {
        return Err(Problem::new(&codes::UNSUPPORTED_CONTENT_TYPE, "Administrative requests are application/json."));
    }
    Ok((caller, json::read(&bytes, transport::charset(media_type).as_deref())?))
}

/// A time in seconds, bounded to a hundred years.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Seconds(pub(super) Duration);

impl TryFrom<u64> for Seconds {
    type Error = &'static str;

    fn try_from(seconds: u64) -> Result<Self, &'static str> {
        const MOST: u64 = 100 * 365 * 86_400;
        if seconds > MOST {
            return Err("a time must be at most 100 years, in seconds");
        }
        Ok(Self(Duration::from_secs(seconds)))
    }
}

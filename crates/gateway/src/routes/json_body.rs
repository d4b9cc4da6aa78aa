//! The bodies of requests that are small JSON objects.

use crate::json;
use crate::transport::{BodyFormat, Content};
use access::{Caller, Operation};
use actix_web::HttpRequest;
use actix_web::web::Payload;
use http_api::{BodyBounds, IncomingRequest, Problem, codes};
use serde::de::DeserializeOwned;
use std::time::Duration;

const BOUNDS: BodyBounds = BodyBounds { max_bytes: 64 << 10, timeout: Duration::from_secs(10) };

/// Authenticates the sender of a request, admits the operation and parses the body.
pub(super) async fn read<T: DeserializeOwned>(
    incoming: IncomingRequest,
    request: &HttpRequest,
    payload: Payload,
    operation: Operation,
) -> Result<(Caller, T), Problem> {
    let format = BodyFormat::of(request, BOUNDS)?;
    let (caller, bytes) = incoming.read(payload, operation, BOUNDS).await?;
    let body = format.body(bytes)?;
    match body.content {
        Content::Json { charset } => Ok((caller, json::read(&body.bytes, charset.as_deref())?)),
        Content::Multipart { .. } => {
            Err(Problem::new(&codes::UNSUPPORTED_CONTENT_TYPE, "The body of this request is application/json."))
        }
    }
}

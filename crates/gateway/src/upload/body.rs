//! A body that ends at its limit.

use actix_web::error::PayloadError;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::{Stream, StreamExt, TryStreamExt};
use std::pin::pin;
use web::{Problem, codes};

/// The chunks of `payload`, and an error in place of the one that would make more than `limit` bytes.
pub(super) fn capped(payload: Payload, limit: usize) -> impl Stream<Item = Result<Bytes, PayloadError>> + 'static {
    payload.scan(0_usize, move |read, chunk| {
        let chunk = chunk.and_then(|chunk| {
            *read = read.saturating_add(chunk.len());
            if *read > limit { Err(PayloadError::Overflow) } else { Ok(chunk) }
        });
        std::future::ready(Some(chunk))
    })
}

/// All of a body.
pub(super) async fn collect(
    body: impl Stream<Item = Result<Bytes, PayloadError>>,
    limit: usize,
) -> Result<Bytes, Problem> {
    let whole = body.try_fold(BytesMut::new(), |mut whole, chunk| {
        whole.extend_from_slice(&chunk);
        std::future::ready(Ok(whole))
    });
    whole.await.map(BytesMut::freeze).map_err(|error| broken(error, limit))
}

/// Whether a body has no bytes.
pub(super) async fn is_empty(body: impl Stream<Item = Result<Bytes, PayloadError>>) -> bool {
    let body = pin!(body);
    let any = body.any(|chunk| std::future::ready(!matches!(chunk, Ok(bytes) if bytes.is_empty())));
    !any.await
}

/// A body that could not be read to its end.
pub(super) fn broken(error: PayloadError, limit: usize) -> Problem {
    match error {
        PayloadError::Overflow => super::too_large(limit),
        error => Problem::new(&codes::BAD_REQUEST, "The body broke off.").because(error.to_string()),
    }
}

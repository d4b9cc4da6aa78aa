//! What the fuzzer calls.

use super::{Wish, form, json};
use actix_web::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use bytes::Bytes;
use futures_util::FutureExt;

const MOST: usize = 4;

/// Reads a body in both forms and both shapes. It is refused, or what it asks for is within its ranges.
pub fn fuzz(body: &[u8]) {
    let body = Bytes::copy_from_slice(body);
    let headers: HeaderMap =
        [(CONTENT_TYPE, HeaderValue::from_static("multipart/form-data; boundary=x"))].into_iter().collect();
    let forms = [
        // All of the body is there, so nothing is waited for.
        form::single(&headers, body.clone())
            .now_or_never()
            .expect("a body that is whole is read at once. This is a bug."),
        form::batch(&headers, body.clone(), MOST)
            .now_or_never()
            .expect("a body that is whole is read at once. This is a bug."),
    ];
    let wishes = [json::single(&body), json::batch(&body, MOST)].into_iter().chain(forms).flatten();
    for Wish { orders, .. } in wishes {
        assert!((1..=MOST).contains(&orders.len()));
        assert!(orders.iter().all(|order| order.parameters.validate().is_ok()));
    }
}

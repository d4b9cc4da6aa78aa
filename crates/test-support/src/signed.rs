//! Signed requests.

use reqwest::Request;
use signatures::{BodyDigest, Scheme, Signer, agent, http};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A new nonce, and the current time in seconds since the Unix epoch.
pub fn fresh() -> (String, u64) {
    static NONCES: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    (format!("a-nonce-of-a-test-{}", NONCES.fetch_add(1, Ordering::Relaxed)), since.as_secs())
}

/// Signs a request.
///
/// # Panics
/// If its body is not in memory, or it cannot be signed.
pub fn sign(request: &mut Request, scheme: Scheme, signer: &Signer<'_>) {
    let body = request.body().map_or(&b""[..], |body| body.as_bytes().expect("a body in memory"));
    let (body, headers, url) = (BodyDigest::of(body), request.headers().clone(), request.url().clone());
    let lookup = |name: &str| headers.get_all(name).iter().map(|value| value.as_bytes()).collect::<Vec<_>>();
    let head = signatures::Request {
        method: request.method().as_str(),
        scheme: url.scheme(),
        authority: url.authority(),
        path: url.path(),
        query: url.query(),
        headers: &lookup,
    };
    let signed = match scheme {
        Scheme::Agent => agent::sign(&head, signer, &body),
        Scheme::Http => http::sign(&head, signer, &body),
    };
    for (name, value) in signed.expect("a request that can be signed") {
        request.headers_mut().insert(name, value.parse().expect("a header's value"));
    }
}

//! The `RateLimit` headers of every response (draft-ietf-httpapi-ratelimit-headers-11).

use crate::Problem;
use access::limits::RateLimitStatus;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Keeps a caller's rate limit status for the response, beside what was noted before.
pub fn note_rate_limit(request: &HttpRequest, status: RateLimitStatus) {
    let mut extensions = request.extensions_mut();
    let noted = extensions.remove::<RateLimitStatus>().unwrap_or_default();
    extensions.insert(noted.and(status));
}

/// Adds the headers for the noted status, unless the response has them.
pub(crate) fn add_rate_limit_headers(request: &HttpRequest, headers: &mut HeaderMap) {
    if headers.contains_key(RATE_LIMIT) {
        return;
    }
    if let Some(status) = request.extensions().get::<RateLimitStatus>() {
        for (name, value) in headers_of(status) {
            headers.insert(name, value);
        }
    }
}

impl Problem {
    /// Adds the headers of the limits that the request counts for.
    #[must_use]
    pub(crate) fn with_rate_limit(self, status: &RateLimitStatus) -> Self {
        headers_of(status).into_iter().fold(self, |problem, (name, value)| problem.with_header(name, value))
    }
}

fn headers_of(status: &RateLimitStatus) -> Vec<(HeaderName, HeaderValue)> {
    let both = [(RATE_LIMIT, status.rate_limit()), (RATE_LIMIT_POLICY, status.rate_limit_policy())];
    both.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value?).ok()?))).collect()
}

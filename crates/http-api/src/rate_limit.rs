//! How full a caller's limits are, in the headers of every answer (draft-ietf-httpapi-ratelimit-headers-11).

use crate::Problem;
use access::limits::Standing;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpMessage, HttpRequest};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Keeps what is known of a caller's limits for the answer, beside what was noted before.
pub fn note_rate_limit(request: &HttpRequest, standing: Standing) {
    let mut extensions = request.extensions_mut();
    let noted = extensions.remove::<Standing>().unwrap_or_default();
    extensions.insert(noted.and(standing));
}

/// Tells of what was noted, unless the answer tells of it already.
pub(crate) fn add_rate_limit_headers(request: &HttpRequest, headers: &mut HeaderMap) {
    if headers.contains_key(RATE_LIMIT) {
        return;
    }
    if let Some(standing) = request.extensions().get::<Standing>() {
        for (name, value) in lines(standing) {
            headers.insert(name, value);
        }
    }
}

impl Problem {
    /// Tells how full the limits are that the request has run into.
    #[must_use]
    pub(crate) fn with_rate_limit(self, standing: &Standing) -> Self {
        lines(standing).into_iter().fold(self, |problem, (name, value)| problem.with_header(name, value))
    }
}

fn lines(standing: &Standing) -> Vec<(HeaderName, HeaderValue)> {
    let both = [(RATE_LIMIT, standing.rate_limit()), (RATE_LIMIT_POLICY, standing.rate_limit_policy())];
    both.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::from_str(&value?).ok()?))).collect()
}

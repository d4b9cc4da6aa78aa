//! Cross-origin requests of browsers, from an allow-list of origins.

use actix_cors::Cors;
use actix_web::http::Uri;
use actix_web::http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH,
    IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE, RETRY_AFTER, WWW_AUTHENTICATE,
};
use std::str::FromStr;

/// Seconds for which a browser may remember the answer to a preflight request.
const MAX_AGE: usize = 3600;

/// Request headers that scripts may send.
const REQUEST_HEADERS: [&str; 8] = [
    "cache-control",
    "idempotency-key",
    "last-event-id",
    "x-request-id",
    "x-test-scenario",
    "traceparent",
    "accept",
    "accept-language",
];

/// An origin whose scripts may call the API: `https://studio.example`, or `*` for all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// A text that is not an origin.
#[derive(Debug, thiserror::Error)]
#[error("must be an origin such as https://studio.example, without a path, or *")]
pub struct InvalidOrigin;

impl FromStr for Origin {
    type Err = InvalidOrigin;

    /// Reads an origin in the form in which browsers send it: lower case, without the port that is usual for the scheme.
    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        if text == "*" {
            return Ok(Self(text.to_owned()));
        }
        let uri = text.to_ascii_lowercase().parse::<Uri>().map_err(|_| InvalidOrigin)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(InvalidOrigin) };
        let usual = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(InvalidOrigin),
        };
        if uri.path() != "/" || uri.query().is_some() || authority.as_str().contains('@') {
            return Err(InvalidOrigin);
        }
        let port = authority.port_u16().filter(|port| *port != usual).map(|port| format!(":{port}"));
        Ok(Self(format!("{scheme}://{}{}", authority.host(), port.unwrap_or_default())))
    }
}

/// The middleware that answers preflight requests and marks responses.
pub(crate) fn cors(origins: &[Origin]) -> Cors {
    let cors = Cors::default()
        .allowed_methods(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
        .allowed_headers([AUTHORIZATION, CONTENT_TYPE, CACHE_CONTROL, IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE])
        .allowed_headers(REQUEST_HEADERS)
        .expose_headers([ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, ETAG, LOCATION, RETRY_AFTER])
        .expose_headers([WWW_AUTHENTICATE])
        .expose_headers(["ratelimit", "ratelimit-policy", "x-request-id"])
        .max_age(MAX_AGE);
    // No credentials: keys are sent in a header by the script itself, and cookies are not read.
    if origins.iter().any(|origin| origin.0 == "*") {
        return cors.allow_any_origin().send_wildcard();
    }
    origins.iter().fold(cors, |cors, origin| cors.allowed_origin(&origin.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn origins_are_read_in_the_form_that_browsers_send() {
        for (text, origin) in [
            ("https://studio.example", "https://studio.example"),
            ("https://Studio.Example/", "https://studio.example"),
            ("https://studio.example:443", "https://studio.example"),
            ("http://localhost:5173", "http://localhost:5173"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("*", "*"),
        ] {
            assert_eq!(text.parse::<Origin>().unwrap().0, origin, "{text}");
        }
        for text in
            ["", "studio.example", "https://a/b", "https://a?b", "https://u@a", "ftp://a", "null", "https://*.a b"]
        {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }
}

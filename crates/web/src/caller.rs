//! The right to be in a handler.

use crate::{Problem, codes};
use access::Keyring;
use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use actix_web::{FromRequest, HttpRequest, web};
use std::future::{Ready, ready};

/// A caller whose API key was found. A handler that takes one cannot be reached without.
#[derive(Debug, Clone)]
pub struct Authenticated(pub String);

impl Authenticated {
    /// Whose jobs the caller submits and sees.
    pub fn owner(&self) -> &str {
        &self.0
    }
}

impl FromRequest for Authenticated {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(authenticate(request).map_err(|p| p.with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))))
    }
}

fn authenticate(request: &HttpRequest) -> Result<Authenticated, Problem> {
    let keyring = request
        .app_data::<web::Data<Keyring>>()
        .ok_or_else(|| Problem::new(&codes::INTERNAL, "Keys cannot be checked.").because("the app has no keyring"))?;
    let malformed = || Problem::new(&codes::INVALID_AUTHORIZATION, "The Authorization header holds no bearer token.");
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let Some(header) = headers.next() else {
        return Err(Problem::new(&codes::MISSING_KEY, "This address answers only with an API key."));
    };
    if headers.next().is_some() {
        return Err(Problem::new(&codes::INVALID_AUTHORIZATION, "The Authorization header was sent twice."));
    }
    let (scheme, token) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(malformed)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains(char::is_whitespace) {
        return Err(malformed());
    }
    let owner = keyring
        .authenticate(token)
        .ok_or_else(|| Problem::new(&codes::UNKNOWN_KEY, "The API key is not one of those let in here."))?;
    tracing::Span::current().record("caller", owner.as_str());
    Ok(Authenticated(owner))
}

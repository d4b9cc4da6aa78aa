//! The two APIs, which have the same verbs and differ in how a request proves whose it is.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::convert::Infallible;
use std::future::{Ready, ready};

/// The API that a request came by. As an argument of a handler it is read from the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// `/api/v1`: bearer keys.
    User,
    /// `/api/agent`: signed requests.
    Agent,
}

impl Api {
    /// What its paths begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::User => "/api/v1",
            Self::Agent => "/api/agent",
        }
    }

    /// The one that a path belongs to; whatever is not the agents' is the users'.
    pub fn of(path: &str) -> Self {
        match path.strip_prefix(Self::Agent.prefix()) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Self::Agent,
            _ => Self::User,
        }
    }
}

impl FromRequest for Api {
    type Error = Infallible;
    type Future = Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request.path())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_belongs_to_one_of_them() {
        for (path, api) in [
            ("/api/agent/jobs", Api::Agent),
            ("/api/agent", Api::Agent),
            ("/api/agents/jobs", Api::User),
            ("/api/v1/jobs", Api::User),
            ("/livez", Api::User),
        ] {
            assert_eq!(Api::of(path), api, "{path}");
        }
    }
}

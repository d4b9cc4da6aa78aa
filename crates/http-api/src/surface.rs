//! The three parts of the HTTP API. They differ in how a request is authenticated.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use std::convert::Infallible;
use std::future::{Ready, ready};

/// The part of the API that a request addresses. As an argument of a handler it is read from the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiSurface {
    /// `/api/v1`: bearer keys of users.
    User,
    /// `/api/agent`: the same operations for signed requests.
    Agent,
    /// `/api/admin`: management of tenants, by bearer key or signature.
    Admin,
}

impl ApiSurface {
    /// The first part of its paths.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::User => "/api/v1",
            Self::Agent => "/api/agent",
            Self::Admin => "/api/admin",
        }
    }

    /// The surface of a path. Paths outside the API count as [`User`](Self::User).
    pub fn of(path: &str) -> Self {
        let holds = |surface: &Self| match path.strip_prefix(surface.prefix()) {
            Some(rest) => rest.is_empty() || rest.starts_with('/'),
            None => false,
        };
        [Self::Agent, Self::Admin].into_iter().find(holds).unwrap_or(Self::User)
    }

    /// The value of `WWW-Authenticate` in a 401 response.
    pub(crate) fn challenge(self) -> &'static str {
        match self {
            Self::User => "Bearer",
            Self::Agent => "Signature",
            Self::Admin => "Bearer, Signature",
        }
    }
}

impl FromRequest for ApiSurface {
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
    fn a_path_belongs_to_one_surface() {
        for (path, surface) in [
            ("/api/agent/jobs", ApiSurface::Agent),
            ("/api/agent", ApiSurface::Agent),
            ("/api/agents/jobs", ApiSurface::User),
            ("/api/admin/agents", ApiSurface::Admin),
            ("/api/v1/jobs", ApiSurface::User),
            ("/livez", ApiSurface::User),
        ] {
            assert_eq!(ApiSurface::of(path), surface, "{path}");
        }
    }
}

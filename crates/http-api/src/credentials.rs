//! What a request shows to prove whose it is.

use crate::client::Client;
use crate::{Problem, codes};
use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, HOST, HeaderValue, WWW_AUTHENTICATE};
use signatures::{Presented, Request};

/// Who is served at an address, and so by what they prove themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// `/api/agent`: programs sign.
    Agent,
    /// `/api/admin`: programs sign, people bear a key.
    Admin,
    /// `/api/v1`: people bear a key.
    User,
}

impl Door {
    fn of(path: &str) -> Self {
        match path {
            path if path.starts_with("/api/agent/") => Self::Agent,
            path if path.starts_with("/api/admin/") => Self::Admin,
            _ => Self::User,
        }
    }

    /// What a 401 answer asks for.
    fn challenge(self) -> &'static str {
        match self {
            Self::Agent => "Signature",
            Self::Admin => "Bearer, Signature",
            Self::User => "Bearer",
        }
    }
}

/// What was shown.
pub(crate) enum Credentials {
    /// A key as a bearer token.
    Bearer(String),
    /// A signature.
    Signed(Box<Presented>),
}

impl Credentials {
    /// Reads them. Nothing is looked up, so what is told to the client here it could have known itself.
    pub(crate) fn of(request: &HttpRequest, client: Client) -> Result<Self, Problem> {
        let door = Door::of(request.path());
        Self::read(request, client, door).map_err(|problem| challenged(request, problem))
    }

    fn read(request: &HttpRequest, client: Client, door: Door) -> Result<Self, Problem> {
        let bears = request.headers().contains_key(AUTHORIZATION);
        // A bearer key is an answer to the question; whether the rest of the head is well signed does not matter then.
        if bears && door != Door::Agent {
            return bearer(request).map(Self::Bearer);
        }
        match presented(request, client)? {
            Some(_) if door == Door::User => Err(Problem::new(
                &codes::WRONG_API,
                "This address takes the key of a user; signed requests are answered under /api/agent.",
            )),
            Some(presented) => Ok(Self::Signed(Box::new(presented))),
            None if bears => Err(Problem::new(
                &codes::WRONG_API,
                "This address takes signed requests only; the key of a user is taken under /api/v1.",
            )),
            None if door == Door::Agent => {
                Err(Problem::new(&codes::MISSING_SIGNATURE, "This address answers only to signed requests."))
            }
            None => Err(Problem::new(&codes::MISSING_KEY, "This address answers only with an API key.")),
        }
    }
}

/// A problem that says how to prove oneself, if that is the problem (RFC 9110, section 11.6.1).
pub(crate) fn challenged(request: &HttpRequest, problem: Problem) -> Problem {
    if problem.kind().status != 401 {
        return problem;
    }
    problem.with_header(WWW_AUTHENTICATE, HeaderValue::from_static(Door::of(request.path()).challenge()))
}

fn bearer(request: &HttpRequest) -> Result<String, Problem> {
    let malformed = || Problem::new(&codes::INVALID_AUTHORIZATION, "The Authorization header holds no bearer token.");
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next().ok_or_else(malformed)?;
    if headers.next().is_some() {
        return Err(Problem::new(&codes::INVALID_AUTHORIZATION, "The Authorization header was sent twice."));
    }
    let (scheme, token) = header.to_str().ok().and_then(|text| text.split_once(' ')).ok_or_else(malformed)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains(char::is_whitespace) {
        return Err(malformed());
    }
    Ok(token.to_owned())
}

fn presented(request: &HttpRequest, client: Client) -> Result<Option<Presented>, Problem> {
    let uri = request.uri();
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let headers = |name: &str| request.headers().get_all(name).map(HeaderValue::as_bytes).collect();
    let head = Request {
        method: request.method().as_str(),
        scheme: if client.tls { "https" } else { "http" },
        authority: host.or_else(|| uri.authority().map(|authority| authority.as_str())).unwrap_or_default(),
        path: uri.path(),
        query: uri.query(),
        headers: &headers,
    };
    Presented::parse(&head).map_err(|malformed| Problem::new(&codes::MALFORMED_SIGNATURE, malformed.to_string()))
}

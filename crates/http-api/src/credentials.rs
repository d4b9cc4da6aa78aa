//! Reads the credentials of a request: a bearer key or a signature.

use crate::client::Client;
use crate::edge::SentRequest;
use crate::{ApiSurface, Problem, codes};
use actix_web::HttpRequest;
use actix_web::http::header::{AUTHORIZATION, COOKIE, HOST, HeaderValue, WWW_AUTHENTICATE};
use signatures::{Presented, Request};

/// Query parameters in which clients of other services send keys.
const KEY_PARAMETERS: [&str; 7] = ["access_token", "api_key", "api-key", "apikey", "auth", "key", "token"];
/// Headers in which clients of other services send keys.
const KEY_HEADERS: [&str; 6] = ["api-key", "x-access-token", "x-api-key", "x-auth-token", "apikey", "x-token"];

/// The credentials of a request, not yet verified.
pub(crate) enum Credentials {
    /// A key as a bearer token.
    Bearer(String),
    /// A signature.
    Signed(Box<Presented>),
}

impl Credentials {
    /// Reads the credentials that the surface of this request accepts. Nothing is looked up, so the messages reveal
    /// nothing that the client does not know.
    pub(crate) fn of(request: &HttpRequest, client: Client) -> Result<Self, Problem> {
        Self::read(request, client, ApiSurface::of(request.path())).map_err(|problem| challenged(request, problem))
    }

    fn read(request: &HttpRequest, client: Client, surface: ApiSurface) -> Result<Self, Problem> {
        let has_bearer = request.headers().contains_key(AUTHORIZATION);
        // A bearer key takes precedence: signature headers beside it are not looked at.
        if has_bearer && surface != ApiSurface::Agent {
            return bearer(request).map(Self::Bearer);
        }
        match presented(request, client)? {
            Some(_) if surface == ApiSurface::User => Err(Problem::new(
                &codes::WRONG_API,
                "This address takes the bearer key of a user; signed requests go to /api/agent.",
            )),
            Some(presented) => Ok(Self::Signed(Box::new(presented))),
            None if has_bearer => Err(Problem::new(
                &codes::WRONG_API,
                "This address takes signed requests only; the bearer key of a user is accepted under /api/v1.",
            )),
            None if surface == ApiSurface::Agent => {
                Err(Problem::new(&codes::MISSING_SIGNATURE, missing(request, "The request is not signed.")))
            }
            None => Err(Problem::new(&codes::MISSING_KEY, missing(request, "The request has no API key."))),
        }
    }
}

/// Why no credentials were found: names the place of a key that was sent where it is not read.
fn missing(request: &HttpRequest, otherwise: &str) -> String {
    let query = request.query_string();
    let parameters = query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let in_query = |name: &str| KEY_PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known));
    if parameters.into_iter().any(in_query) {
        return "A key in the URL is not accepted, because URLs are kept in logs and histories.".to_owned();
    }
    if let Some(name) = KEY_HEADERS.iter().find(|name| request.headers().contains_key(**name)) {
        return format!("The header {name} is not read.");
    }
    if request.headers().contains_key(COOKIE) {
        return "Cookies are not read.".to_owned();
    }
    otherwise.to_owned()
}

/// Adds the `WWW-Authenticate` header to a 401 (RFC 9110, section 11.6.1).
pub(crate) fn challenged(request: &HttpRequest, problem: Problem) -> Problem {
    if problem.kind().status != 401 {
        return problem;
    }
    let challenge = ApiSurface::of(request.path()).challenge();
    problem.with_header(WWW_AUTHENTICATE, HeaderValue::from_static(challenge))
}

fn bearer(request: &HttpRequest) -> Result<String, Problem> {
    let invalid = |detail: &str| Problem::new(&codes::INVALID_AUTHORIZATION, detail);
    let mut headers = request.headers().get_all(AUTHORIZATION);
    let header = headers.next().and_then(|header| header.to_str().ok());
    if headers.next().is_some() {
        return Err(invalid("The Authorization header was sent more than once."));
    }
    let header = header.ok_or_else(|| invalid("The Authorization header is not plain text."))?.trim();
    let (scheme, token) = header.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((header, ""));
    let token = token.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        return Err(invalid("Basic authentication is not supported; an API key is sent as a bearer token."));
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(invalid("The Authorization header does not have the scheme `Bearer`."));
    }
    if token.is_empty() || token.contains(char::is_whitespace) {
        return Err(invalid("The Authorization header does not hold exactly one token after `Bearer`."));
    }
    Ok(token.to_owned())
}

fn presented(request: &HttpRequest, client: Client) -> Result<Option<Presented>, Problem> {
    let SentRequest { method, uri } = SentRequest::of(request);
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let headers = |name: &str| request.headers().get_all(name).map(HeaderValue::as_bytes).collect();
    let head = Request {
        method: method.as_str(),
        scheme: if client.tls { "https" } else { "http" },
        authority: host.or_else(|| uri.authority().map(|authority| authority.as_str())).unwrap_or_default(),
        path: uri.path(),
        query: uri.query(),
        headers: &headers,
    };
    Presented::parse(&head).map_err(|malformed| Problem::new(&codes::MALFORMED_SIGNATURE, malformed.to_string()))
}

//! The HTTP side of a hub: files are at `{base}/{repo}/resolve/{revision}/{path}`, as on huggingface.co and its mirrors.
//!
//! A HEAD request gives size and checksum. For large files it is a redirect to a store, which carries `X-Linked-Size` and
//! `X-Linked-Etag`, the SHA-256. Small files are answered directly, and their ETag is their git id.

use std::io::Read;
use std::time::Duration;

use checkpoint::{Announced, Checksum, Download};
use secrecy::{ExposeSecret, SecretString};
use ureq::Body;
use ureq::http::{Response, StatusCode, Uri};

use crate::Error;
use crate::http::{Http, io_reason, reason};

/// A hub.
pub(super) struct Hub {
    http: Http,
    base: String,
    token: Option<SecretString>,
}

/// A file on a hub.
pub(super) struct Remote {
    pub(super) url: String,
    pub(super) announced: Announced,
    /// The commit that the revision named.
    pub(super) commit: Option<String>,
}

/// Why a request failed, by what to do next.
pub(super) enum Failure {
    /// It may succeed when repeated, after the pause that the server asked for.
    Again(String, Option<Duration>),
    /// Repeating it is of no use.
    Final(Error),
}

/// Longest pause that a server may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(300);
const MAX_HOPS: usize = 5;

impl Hub {
    /// A hub at the address `base`. The token is sent to it and to no other server.
    pub(super) fn new(http: Http, base: String, token: Option<SecretString>) -> Self {
        Self { http, base, token: token.filter(|token| !token.expose_secret().is_empty()) }
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Asks for the size, the checksum and the commit of a file.
    pub(super) fn announce(&self, repo: &str, revision: &str, path: &str) -> Result<Remote, Failure> {
        let url = format!("{}/{repo}/resolve/{revision}/{path}", self.base);
        let (mut at, mut commit) = (url.clone(), None);
        for _ in 0..MAX_HOPS {
            let mut request = self.http.agent().head(&at);
            if let Some(token) = self.token_for(&at) {
                request = request.header("Authorization", token);
            }
            let request = self.http.route(request, &at).map_err(Failure::Final)?;
            let response = request.call().map_err(|error| unreachable(&at, &error))?;
            commit = header(&response, "x-repo-commit").map(str::to_owned).or(commit);
            let linked = header(&response, "x-linked-etag");
            let is_redirect = response.status().is_redirection();
            if !is_redirect && !response.status().is_success() {
                return Err(self.refused(&at, &response));
            }
            if !is_redirect || linked.is_some() {
                let size = header(&response, "x-linked-size")
                    .or_else(|| header(&response, "content-length").filter(|_| !is_redirect));
                let version = linked.or_else(|| header(&response, "etag")).map(plain_etag);
                let announced = Announced {
                    size: size.and_then(|size| size.parse().ok()),
                    checksum: version.as_deref().and_then(Checksum::parse),
                    version,
                };
                return Ok(Remote { url, announced, commit });
            }
            let location = header(&response, "location").unwrap_or_default();
            at = follow(&at, location)?;
        }
        Err(too_many_redirects(&url))
    }

    /// Downloads the missing bytes in one request. `progress` is called with the number of bytes so far.
    pub(super) fn get(&self, url: &str, download: &mut Download, mut progress: impl FnMut(u64)) -> Result<(), Failure> {
        if !download.announced().is_verifiable() {
            // Without a checksum, parts of two versions could not be told apart.
            download.restart().map_err(fatal)?;
        }
        let offset = download.offset();
        let response = self.open(url, offset)?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&response, offset) => {}
            // The server does not support ranges.
            StatusCode::OK if offset > 0 => download.restart().map_err(fatal)?,
            StatusCode::OK => {}
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                download.restart().map_err(fatal)?;
                return Err(Failure::Again(format!("{url} sent another part than asked for"), None));
            }
            _ => return Err(self.refused(url, &response)),
        }
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 1 << 18];
        loop {
            progress(download.offset());
            let read = body
                .read(&mut buffer)
                .map_err(|error| Failure::Again(format!("{url}: {}", io_reason(&error)), None))?;
            if read == 0 {
                break;
            }
            download.write(&buffer[..read]).map_err(fatal)?;
        }
        match download.announced().size {
            Some(size) if size != download.offset() => {
                Err(Failure::Again(format!("{url} ended after {} of {size} bytes", download.offset()), None))
            }
            _ => Ok(()),
        }
    }

    /// Opens a file from an offset on, following redirects.
    fn open(&self, url: &str, offset: u64) -> Result<Response<Body>, Failure> {
        let mut at = url.to_owned();
        // An absolute redirect leads to a store, even at the same address; a relative one to another path of the hub.
        let mut is_hub = true;
        for _ in 0..MAX_HOPS {
            let mut request = self.http.agent().get(&at);
            if offset > 0 {
                request = request.header("Range", format!("bytes={offset}-"));
            }
            if let Some(token) = self.token_for(&at).filter(|_| is_hub) {
                request = request.header("Authorization", token);
            }
            let request = self.http.route(request, &at).map_err(Failure::Final)?;
            let response = request.call().map_err(|error| unreachable(&at, &error))?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let location = header(&response, "location").unwrap_or_default();
            is_hub &= location.starts_with('/');
            at = follow(&at, location)?;
        }
        Err(too_many_redirects(url))
    }

    /// An answer that is neither the file nor a redirect to it.
    fn refused(&self, url: &str, response: &Response<Body>) -> Failure {
        let status = response.status();
        let says = format!("{url} answers {status}");
        let token = if self.token.is_some() { "the token (--token, HF_TOKEN)" } else { "a token (--token, HF_TOKEN)" };
        match status {
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Failure::Again(says, pause(response)),
            status if status.is_server_error() => Failure::Again(says, pause(response)),
            StatusCode::UNAUTHORIZED if self.token.is_some() => Failure::Final(Error::Refused(format!(
                "{says}: {token} is not valid or has expired; published models need none"
            ))),
            StatusCode::UNAUTHORIZED => {
                Failure::Final(Error::Refused(format!("{says}: there is no such model, or it needs {token}")))
            }
            StatusCode::FORBIDDEN => Failure::Final(Error::Refused(format!(
                "{says}: the model needs {token} of an account that has accepted its licence"
            ))),
            StatusCode::NOT_FOUND => Failure::Final(Error::Unavailable(format!(
                "{says}: there is no such file at this revision, or it is private and {token} does not open it"
            ))),
            _ => Failure::Final(Error::Refused(says)),
        }
    }

    /// The token is sent to the hub itself and not to servers that it redirects to.
    fn token_for(&self, url: &str) -> Option<String> {
        let token = self.token.as_ref()?;
        url.strip_prefix(&self.base)?.starts_with('/').then(|| format!("Bearer {}", token.expose_secret()))
    }
}

fn fatal(error: checkpoint::Error) -> Failure {
    Failure::Final(error.into())
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// An entity tag without its quotes and weak prefix.
fn plain_etag(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

/// The target of a redirect: an absolute address or an absolute path.
fn follow(from: &str, location: &str) -> Result<String, Failure> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return Ok(location.to_owned());
    }
    let from_uri: Uri = from.parse().unwrap_or_default();
    match (from_uri.scheme_str(), from_uri.authority()) {
        (Some(scheme), Some(authority)) if location.starts_with('/') && !location.starts_with("//") => {
            Ok(format!("{scheme}://{authority}{location}"))
        }
        _ => Err(Failure::Final(Error::Refused(format!("{from} redirects to {:?}", location)))),
    }
}

fn too_many_redirects(url: &str) -> Failure {
    Failure::Final(Error::Refused(format!("{url} redirects more than {MAX_HOPS} times")))
}

/// Whether a partial answer begins where it should.
fn starts_at(response: &Response<Body>, offset: u64) -> bool {
    header(response, "content-range")
        .and_then(|range| range.strip_prefix("bytes ")?.split('-').next()?.parse::<u64>().ok())
        .is_some_and(|start| start == offset)
}

fn unreachable(url: &str, error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::Io(_)
        | ureq::Error::Timeout(_)
        | ureq::Error::ConnectionFailed
        | ureq::Error::HostNotFound
        | ureq::Error::Protocol(_) => Failure::Again(format!("{url}: {}", reason(error)), None),
        error => Failure::Final(Error::Unavailable(format!("{url}: {error}"))),
    }
}

fn pause(response: &Response<Body>) -> Option<Duration> {
    let seconds = header(response, "retry-after")?.parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_PAUSE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_to_addresses_and_paths_only() {
        let from = "https://hub.example/a/b?c";
        assert_eq!(follow(from, "/d").ok().as_deref(), Some("https://hub.example/d"));
        assert_eq!(follow(from, "http://other.example/d").ok().as_deref(), Some("http://other.example/d"));
        for refused in ["", "d", "//other.example/d", "file:///etc/passwd", "ftp://x"] {
            assert!(follow(from, refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn the_token_is_sent_to_the_hub_only() {
        let http = Http::new(None, Duration::from_secs(1)).unwrap();
        let hub = Hub::new(http, "https://hub.example".to_owned(), Some("secret".to_owned().into()));
        assert_eq!(hub.token_for("https://hub.example/a").as_deref(), Some("Bearer secret"));
        assert_eq!(hub.token_for("https://hub.example.evil.example/a"), None);
        assert_eq!(hub.token_for("https://store.example/a"), None);
    }

    #[test]
    fn etag_quotes_and_weak_prefix_are_stripped() {
        assert_eq!(plain_etag("W/\"abc\""), "abc");
        assert_eq!(plain_etag("\"abc\""), "abc");
    }
}

//! A hub's HTTP side: `{base}/{repo}/resolve/{revision}/{path}`, as huggingface.co and its mirrors have it.
//!
//! A HEAD request tells size and checksum: large files are redirected to a store, and the redirect carries
//! `X-Linked-Size` and `X-Linked-Etag`, the SHA-256; small ones answer themselves, with an ETag that is their git id.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use checkpoint::{Announced, Checksum, Download};
use secrecy::{ExposeSecret, SecretString};
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use crate::Error;

/// A hub.
pub(super) struct Hub {
    agent: Agent,
    base: String,
    token: Option<SecretString>,
}

/// A file on a hub.
pub(super) struct Remote {
    pub(super) url: String,
    pub(super) announced: Announced,
    /// The commit that the revision stands for.
    pub(super) commit: Option<String>,
}

/// Why a request failed, by what to do next.
pub(super) enum Failure {
    /// Try again, not before so long if the server said so.
    Again(String, Option<Duration>),
    /// Trying again is of no use.
    Final(Error),
}

const CONNECT: Duration = Duration::from_secs(15);
/// Longest pause that a server may ask for.
const MAX_PAUSE: Duration = Duration::from_secs(300);
const MAX_HOPS: usize = 5;

impl Hub {
    /// `stall`: a connection on which nothing comes for so long is given up.
    pub(super) fn new(base: &str, token: Option<SecretString>, stall: Duration) -> Result<Self, Error> {
        let base = base.trim_end_matches('/').to_owned();
        if !(base.starts_with("https://") || base.starts_with("http://")) {
            return Err(Error::Usage(format!("{base} is no http or https address")));
        }
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(stall))
            .timeout_per_read(Some(stall))
            .user_agent(concat!("orfeas/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, base, token })
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Asks what a file is.
    pub(super) fn announce(&self, repo: &str, revision: &str, path: &str) -> Result<Remote, Failure> {
        let url = format!("{}/{repo}/resolve/{revision}/{path}", self.base);
        let (mut at, mut commit) = (url.clone(), None);
        for _ in 0..MAX_HOPS {
            let mut request = self.agent.head(&at).config().max_redirects(0).build();
            if let Some(token) = self.token_for(&at) {
                request = request.header("Authorization", token);
            }
            let response = request.call().map_err(|error| unreachable(&at, &error))?;
            commit = header(&response, "x-repo-commit").map(str::to_owned).or(commit);
            let linked = header(&response, "x-linked-etag");
            let is_redirect = response.status().is_redirection();
            if !is_redirect && !response.status().is_success() {
                return Err(refused(&at, &response));
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
            at = follow(&at, location).ok_or_else(|| {
                Failure::Final(Error::Refused(format!("{at} redirects to {}", location.escape_debug())))
            })?;
        }
        Err(Failure::Final(Error::Refused(format!("{url} redirects more than {MAX_HOPS} times"))))
    }

    /// One request for what is missing. Bytes go into `download` as they come; `tell` hears how many are there.
    pub(super) fn get(&self, url: &str, download: &mut Download, mut tell: impl FnMut(u64)) -> Result<(), Failure> {
        if !download.announced().is_verifiable() {
            // Nobody could tell whether the two parts belong together.
            download.restart().map_err(fatal)?;
        }
        let offset = download.offset();
        let mut request = self.agent.get(url);
        if offset > 0 {
            request = request.header("Range", format!("bytes={offset}-"));
        }
        if let Some(token) = self.token_for(url) {
            request = request.header("Authorization", token);
        }
        let response = request.call().map_err(|error| unreachable(url, &error))?;
        match response.status() {
            StatusCode::PARTIAL_CONTENT if starts_at(&response, offset) => {}
            // The server knows no ranges, or sends another one than asked for.
            StatusCode::OK if offset > 0 => download.restart().map_err(fatal)?,
            StatusCode::OK => {}
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                download.restart().map_err(fatal)?;
                return Err(Failure::Again(format!("{url} sent another part than asked for"), None));
            }
            _ => return Err(refused(url, &response)),
        }
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 1 << 18];
        loop {
            tell(download.offset());
            let read = body.read(&mut buffer).map_err(|error| Failure::Again(format!("{url}: {error}"), None))?;
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

    /// The token goes to the hub itself and to nobody it redirects to.
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

/// Without quotes and the mark of weakness.
fn plain_etag(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_owned()
}

/// Where a redirect leads to.
fn follow(from: &str, location: &str) -> Option<String> {
    if location.starts_with("http://") || location.starts_with("https://") {
        return Some(location.to_owned());
    }
    let from: Uri = from.parse().ok()?;
    let is_path = location.starts_with('/') && !location.starts_with("//");
    is_path.then(|| Some(format!("{}://{}{location}", from.scheme_str()?, from.authority()?)))?
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
        | ureq::Error::Protocol(_) => Failure::Again(format!("{url}: {error}"), None),
        error => Failure::Final(Error::Unavailable(format!("{url}: {error}"))),
    }
}

fn refused(url: &str, response: &Response<Body>) -> Failure {
    let status = response.status();
    let says = format!("{url} answers {status}");
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Failure::Again(says, pause(response)),
        status if status.is_server_error() => Failure::Again(says, pause(response)),
        StatusCode::NOT_FOUND => Failure::Final(Error::Unavailable(says)),
        _ => Failure::Final(Error::Refused(says)),
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
        assert_eq!(follow(from, "/d").as_deref(), Some("https://hub.example/d"));
        assert_eq!(follow(from, "http://other.example/d").as_deref(), Some("http://other.example/d"));
        for nowhere in ["", "d", "//other.example/d", "file:///etc/passwd", "ftp://x"] {
            assert_eq!(follow(from, nowhere), None, "{nowhere}");
        }
    }

    #[test]
    fn the_token_stays_at_the_hub() {
        let hub = Hub::new("https://hub.example/", Some("secret".to_owned().into()), Duration::from_secs(1)).ok();
        let hub = hub.expect("a hub");
        assert_eq!(hub.token_for("https://hub.example/a").as_deref(), Some("Bearer secret"));
        assert_eq!(hub.token_for("https://hub.example.evil.example/a"), None);
        assert_eq!(hub.token_for("https://store.example/a"), None);
    }

    #[test]
    fn entity_tags_lose_their_dress() {
        assert_eq!(plain_etag("W/\"abc\""), "abc");
        assert_eq!(plain_etag("\"abc\""), "abc");
    }
}

//! URLs that may be called.

use crate::Refused;
use std::fmt;
use std::net::IpAddr;
use url::{Host, Url};

/// Longest URL, in bytes.
const MAX_URL: usize = 2048;

/// A URL whose text passes the checks. The addresses of its host are checked when it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(Url);

impl Target {
    /// Parses a URL as browsers do (WHATWG URL), but without white space and backslashes, which parsers interpret
    /// differently.
    ///
    /// # Errors
    /// [`Refused::Url`], which names the problem.
    pub fn parse(text: &str, ports: &[u16]) -> Result<Self, Refused> {
        if text.len() > MAX_URL {
            return Err(Refused::Url("The URL is too long."));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(Refused::Url("The URL contains white space, control characters or backslashes."));
        }
        let mut url = Url::parse(text).map_err(|_| Refused::Url("The URL is invalid."))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Url("The URL must begin with https:// or http://."));
        }
        // Only browsers read `http:host` and `http:/host` as `http://host`.
        if !text.get(url.scheme().len()..).is_some_and(|rest| rest.starts_with("://")) {
            return Err(Refused::Url("The URL must begin with https:// or http://."));
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || text.split(['/', '?', '#']).nth(2).is_some_and(|authority| authority.contains('@'))
        {
            return Err(Refused::Url("The URL must not contain a user name or password."));
        }
        if !url.port_or_known_default().is_some_and(|port| ports.contains(&port)) {
            return Err(Refused::Url("The URL names a port that is not permitted."));
        }
        if let Some(Host::Domain(name)) = url.host() {
            let name = name.trim_end_matches('.');
            if name.is_empty() || name.split('.').any(str::is_empty) {
                return Err(Refused::Url("The URL has no host."));
            }
        }
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// The resolved form of a reference in a `Location` header.
    pub(crate) fn join(&self, reference: &str) -> Result<String, Refused> {
        let joined = self.0.join(reference).map_err(|_| Refused::Url("The host redirects to an invalid URL."))?;
        Ok(joined.into())
    }

    /// The host, if it is an address.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// The host: a name without trailing dot, or an address without brackets.
    pub(crate) fn host(&self) -> &str {
        let host = self.0.host_str().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.')
    }

    pub(crate) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Path and query, for the request line.
    pub(crate) fn path(&self) -> &str {
        &self.0[url::Position::BeforePath..url::Position::AfterQuery]
    }

    /// Host and port, for the `Host` header.
    pub(crate) fn authority(&self) -> &str {
        &self.0[url::Position::BeforeHost..url::Position::AfterPort]
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

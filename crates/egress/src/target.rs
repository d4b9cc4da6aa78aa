//! A URL that may be called, as far as its text tells.

use crate::Refused;
use std::fmt;
use std::net::IpAddr;
use url::{Host, Url};

/// The longest URL, in bytes.
const LONGEST: usize = 2048;

/// A URL that may be called, as far as its text tells. What is behind its name is judged when it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(Url);

impl Target {
    /// Reads a URL by the rules of browsers (WHATWG URL), and stricter: no blanks or backslashes, which other readers
    /// take otherwise.
    ///
    /// # Errors
    /// [`Refused::Url`] with what is wrong; [`Refused::Inside`] for names that never lead to the public internet.
    pub fn parse(text: &str, ports: &[u16]) -> Result<Self, Refused> {
        if text.len() > LONGEST {
            return Err(Refused::Url("The URL is too long."));
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(Refused::Url("The URL holds blanks, control characters or backslashes."));
        }
        let mut url = Url::parse(text).map_err(|_| Refused::Url("The URL cannot be read."))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Url("The URL must begin with https:// or http://."));
        }
        // `http:host` and `http:/host` are read as `http://host` by browsers only.
        if !text.get(url.scheme().len()..).is_some_and(|rest| rest.starts_with("://")) {
            return Err(Refused::Url("The URL must begin with https:// or http://."));
        }
        if !url.username().is_empty()
            || url.password().is_some()
            || text.split(['/', '?', '#']).nth(2).is_some_and(|authority| authority.contains('@'))
        {
            return Err(Refused::Url("The URL must not hold a user name or password."));
        }
        if !url.port_or_known_default().is_some_and(|port| ports.contains(&port)) {
            return Err(Refused::Url("The URL names a port that is not called from here."));
        }
        if let Some(Host::Domain(name)) = url.host() {
            let name = name.trim_end_matches('.');
            if name.is_empty() || name.split('.').any(str::is_empty) {
                return Err(Refused::Url("The URL names no host."));
            }
        }
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// The host as an address, where it is one.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }

    /// The host as a name without a dot at its end, or as an address without brackets.
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

    /// What the request line names: path and query.
    pub(crate) fn path(&self) -> &str {
        &self.0[url::Position::BeforePath..url::Position::AfterQuery]
    }

    /// What the Host header names.
    pub(crate) fn authority(&self) -> &str {
        &self.0[url::Position::BeforeHost..url::Position::AfterPort]
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

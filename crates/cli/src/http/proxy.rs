//! Which requests go through a proxy of the environment.
//!
//! * Loopback addresses never do: the proxy would look for the service on its own machine.
//! * Plain `http` never does: the proxy would read the API key.
//! * `https` does, by `https_proxy` or `all_proxy` and their upper-case forms, unless `no_proxy` names the host. The proxy
//!   only carries the encrypted bytes.

use crate::Error;
use ipnet::IpNet;
use std::env::var;
use std::net::IpAddr;
use ureq::Proxy;
use ureq::http::Uri;

/// The proxies of the environment.
#[derive(Debug, Default)]
pub(super) struct Proxies {
    /// Name and value of the variable that names the proxy for `https`.
    https: Option<(&'static str, String)>,
    no_proxy: String,
}

impl Proxies {
    pub(super) fn from_environment() -> Self {
        let first = |names: &[&'static str]| {
            names.iter().find_map(|&name| var(name).ok().filter(|value| !value.is_empty()).map(|value| (name, value)))
        };
        Self {
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            no_proxy: first(&["no_proxy", "NO_PROXY"]).map(|(_, value)| value).unwrap_or_default(),
        }
    }

    /// The proxy for a URL.
    ///
    /// # Errors
    /// [`Error::Usage`] when its address cannot be understood.
    pub(super) fn of(&self, url: &str) -> Result<Option<Proxy>, Error> {
        let Some((name, proxy)) = &self.https else { return Ok(None) };
        let uri: Uri = url.parse().unwrap_or_default();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_ascii_lowercase();
        if uri.scheme_str() != Some("https") || is_loopback(&host) || self.is_excluded(&host) {
            return Ok(None);
        }
        let understood = Proxy::new(proxy);
        // The value may hold a password.
        let unusable = |_| Error::Usage(format!("{name} is not the address of an HTTP or SOCKS proxy"));
        understood.map(Some).map_err(unusable)
    }

    /// Whether an entry of `no_proxy` names the host: `*`, a host with all below it, an address, or a network.
    fn is_excluded(&self, host: &str) -> bool {
        let address: Option<IpAddr> = host.parse().ok();
        self.no_proxy.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
            let entry = entry.trim_matches(['[', ']']).to_ascii_lowercase();
            match (entry.parse::<IpNet>(), entry.parse::<IpAddr>(), address) {
                (Ok(network), _, Some(address)) => network.contains(&address),
                (_, Ok(entry), Some(address)) => entry == address,
                _ => {
                    let domain = entry.trim_start_matches('*').trim_start_matches('.');
                    domain.is_empty()
                        || host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
                }
            }
        })
    }
}

/// Names and addresses of this machine itself.
fn is_loopback(host: &str) -> bool {
    let address = host.parse::<IpAddr>().map(|address| address.to_canonical());
    host == "localhost"
        || host.ends_with(".localhost")
        || address.is_ok_and(|address| address.is_loopback() || address.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(no_proxy: &str, url: &str) -> bool {
        let https = Some(("https_proxy", "http://proxy.example:3128".to_owned()));
        Proxies { https, no_proxy: no_proxy.to_owned() }.of(url).unwrap().is_some()
    }

    #[test]
    fn only_https_to_other_machines_goes_through_a_proxy() {
        assert!(used("", "https://mesh.example/api"));
        for url in [
            "http://mesh.example/api",
            "http://127.0.0.1:8080",
            "https://127.0.0.1:8443",
            "https://127.9.9.9",
            "https://[::1]:8443",
            "https://[::ffff:127.0.0.1]",
            "https://0.0.0.0:1",
            "https://localhost",
            "https://LOCALHOST:1",
            "https://a.localhost",
        ] {
            assert!(!used("", url), "{url}");
        }
    }

    #[test]
    fn no_proxy_names_hosts_domains_addresses_and_networks() {
        for (no_proxy, url) in [
            ("*", "https://mesh.example"),
            ("other, mesh.example", "https://mesh.example"),
            ("example", "https://mesh.example"),
            (".example", "https://mesh.example"),
            ("*.example", "https://mesh.example"),
            ("MESH.example", "https://mesh.EXAMPLE:1"),
            ("192.0.2.7", "https://192.0.2.7"),
            ("192.0.2.0/24", "https://192.0.2.7"),
            ("2001:db8::/32", "https://[2001:db8::1]"),
        ] {
            assert!(!used(no_proxy, url), "{no_proxy} {url}");
        }
        for (no_proxy, url) in
            [("", "https://a.example"), ("ample", "https://mesh.example"), ("192.0.2.0/24", "https://192.0.3.7")]
        {
            assert!(used(no_proxy, url), "{no_proxy} {url}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_named_only_when_it_would_be() {
        let https = Some(("all_proxy", "gopher://user:secret@p".to_owned()));
        let proxies = Proxies { https, no_proxy: String::new() };
        let error = proxies.of("https://mesh.example").unwrap_err();
        assert!(
            error.code() == 2 && error.to_string().starts_with("all_proxy ") && !error.to_string().contains("secret")
        );
        assert!(proxies.of("http://127.0.0.1:1").unwrap().is_none());
    }
}

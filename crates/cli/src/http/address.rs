//! Addresses of servers as people write them.

use ureq::http::Uri;

/// The base URL of a server: `http://host:port/path` without a slash at the end. An address without a scheme, such as
/// `localhost:8080`, means `http://`.
///
/// # Errors
/// What is wrong with it, as a phrase.
pub(crate) fn base_url(text: &str) -> Result<String, String> {
    let text = text.trim();
    let url = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri: Uri = url.parse().map_err(|_| "it is no http or https address".to_owned())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("it is no http or https address".to_owned());
    };
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(format!("{scheme}:// is not supported, only http:// and https://"));
    }
    if authority.as_str().contains('@') {
        return Err("it must not hold a user or a password".to_owned());
    }
    // A port that is present but out of range leaves the parser without one.
    if authority.host().is_empty() || (authority.port_u16().is_none() && authority.as_str() != authority.host()) {
        return Err("it must have a host and, after a colon, a port from 1 to 65535".to_owned());
    }
    if uri.query().is_some() || url.contains('#') {
        return Err("it must end with the host or a path".to_owned());
    }
    Ok(format!("{scheme}://{authority}{}", uri.path().trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_may_be_left_out() {
        for (text, url) in [
            ("localhost:8080", "http://localhost:8080"),
            ("127.0.0.1:18080", "http://127.0.0.1:18080"),
            ("[::1]:80", "http://[::1]:80"),
            ("gpu-box", "http://gpu-box"),
            ("gpu-box/orfeas/", "http://gpu-box/orfeas"),
            ("HTTPS://mesh.example/", "https://mesh.example"),
            (" http://a:1/b// ", "http://a:1/b"),
        ] {
            assert_eq!(base_url(text).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "",
            " ",
            "ftp://a",
            "file:///etc",
            "http://",
            "http://a:99999",
            "a:b",
            "http://u:p@a",
            "http://a?x",
            "a#b",
            "a b",
        ] {
            assert!(base_url(text).is_err(), "{text:?}");
        }
    }
}

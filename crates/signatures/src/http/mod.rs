//! HTTP Message Signatures (RFC 9421) with `hmac-sha256`, and `Content-Digest` (RFC 9530).
//!
//! ```text
//! Content-Digest: sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:
//! Signature-Input: sig=("@method" "@authority" "@path" "content-digest" "content-type");created=1750000000;keyid="…";nonce="…"
//! Signature: sig=:K2qGT5srn2OGbOIDzQ6kYT+ruaycnDAAUpKv+ePFfD0=:
//! ```
//!
//! **Required components**: `@method`; the target (`@target-uri`, or `@authority` with `@path` or `@request-target`);
//! `@query` if there is a query and neither `@target-uri` nor `@request-target` includes it; `content-digest` if there
//! is a body; each of [`COVERED_HEADERS`](crate::COVERED_HEADERS) that the request has. Other headers may be covered.
//!
//! **Parameters**: `created`, `keyid` and `nonce` (16 to 128 characters) are required, `expires` is honoured, and `alg`
//! must be `hmac-sha256` if present. Component parameters (`sf`, `key`, `bs`, `req`, `tr`) and `@query-param` are
//! refused, as none of them covers more than the plain component.
//!
//! **Selection** among several signatures: the one with `tag="orfeas"` if there is one, else the first without a tag.
//! Signatures with other tags are ignored.

mod components;
mod digest;
mod input;
mod sign;

pub(crate) use digest::ContentDigest;
pub use sign::sign;

use crate::presented::{BodyBinding, Proof};
use crate::{Key, Malformed, Presented, Request, Scheme};

/// Covered components and signature parameters.
pub const SIGNATURE_INPUT: &str = "signature-input";
/// The signature bytes.
pub const SIGNATURE: &str = "signature";
/// Digest of the body.
pub const CONTENT_DIGEST: &str = "content-digest";
/// The tag that selects one of several signatures.
pub const TAG: &str = "orfeas";

/// Longest `Signature-Input`, `Signature` or `Content-Digest`, in bytes.
const MAX_FIELD: usize = 8 * 1024;

/// Parses `Signature-Input` and `Signature`; `None` if both are missing or no signature is selected.
pub(crate) fn parse(request: &Request<'_>) -> Result<Option<Presented>, Malformed> {
    let input = request.combined(SIGNATURE_INPUT, MAX_FIELD)?;
    let signature = request.combined(SIGNATURE, MAX_FIELD)?;
    let (input, signature) = match (input, signature) {
        (None, None) => return Ok(None),
        (Some(input), Some(signature)) => (input, signature),
        (None, Some(_)) => return Err(Malformed::MissingHeader { name: SIGNATURE_INPUT }),
        (Some(_), None) => return Err(Malformed::MissingHeader { name: SIGNATURE }),
    };
    let Some(selected) = input::select(&input, &signature)? else { return Ok(None) };
    let parameters = input::parameters(&selected.input)?;
    let covered = components::names(&selected.input)?;
    components::require(request, &covered)?;
    let body = match covered.contains(&CONTENT_DIGEST) {
        true => BodyBinding::Digest(ContentDigest::parse(request)?),
        false => BodyBinding::Empty,
    };
    let message = components::signature_base(request, &covered, &selected.input)?.into_bytes();
    Ok(Some(Presented {
        scheme: Scheme::Http,
        key: Key::Id(parameters.key_id),
        nonce: parameters.nonce,
        created: parameters.created,
        expires: parameters.expires,
        proof: Proof { message, mac: selected.mac, body },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presented::mac;
    use base64::{Engine, prelude::BASE64_STANDARD};
    use sfv::InnerList;

    /// The test request of RFC 9421 section B.2.
    const HEADERS: [(&str, &str); 4] = [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("content-type", "application/json"),
        (
            "content-digest",
            "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
        ),
        ("content-length", "18"),
    ];
    const SHARED_SECRET: &str =
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";

    fn test_request<'a>(headers: &'a dyn Fn(&str) -> Vec<&'a [u8]>) -> Request<'a> {
        Request {
            method: "POST",
            scheme: "https",
            authority: "example.com",
            path: "/foo",
            query: Some("param=Value&Pet=dog"),
            headers,
        }
    }

    fn values(name: &str) -> Vec<&'static [u8]> {
        HEADERS.iter().filter(|(n, _)| *n == name).map(|(_, value)| value.as_bytes()).collect()
    }

    fn list(input: &str) -> InnerList {
        let signature = "sig=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
        input::select(&format!("sig={input}"), signature).unwrap().unwrap().input
    }

    #[test]
    fn the_hmac_example_of_section_b_2_5_verifies() {
        let input = list(r#"("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#);
        let request = test_request(&values);
        let base = components::signature_base(&request, &components::names(&input).unwrap(), &input).unwrap();
        assert_eq!(
            base,
            "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\
             \"@authority\": example.com\n\
             \"content-type\": application/json\n\
             \"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473;\
             keyid=\"test-shared-secret\""
        );
        let secret = BASE64_STANDARD.decode(SHARED_SECRET).unwrap();
        assert_eq!(
            BASE64_STANDARD.encode(mac(&secret, base.as_bytes())),
            "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="
        );
    }

    #[test]
    fn the_content_digest_of_section_b_2_matches() {
        let digest = ContentDigest::parse(&test_request(&values)).unwrap();
        let mut hasher = crate::BodyHasher::with_sha512();
        hasher.update(br#"{"hello": "world"}"#);
        assert!(digest.matches(&hasher.finish()));
        assert!(!digest.matches(&crate::BodyDigest::of(br#"{"hello": "world"}"#)), "without a SHA-512");
    }

    /// The examples of sections 2.2.1 to 2.2.8.
    #[test]
    fn derived_components_are_normalised() {
        let none = |_: &str| Vec::new();
        let base = |request: &Request<'_>, name: &str| {
            let input = list(&format!("(\"{name}\");created=1"));
            components::signature_base(request, &[name], &input).unwrap().lines().next().unwrap().to_owned()
        };
        let long = Request {
            method: "POST",
            scheme: "https",
            authority: "WWW.Example.com:443",
            path: "/path",
            query: Some("param=value&foo=bar&baz=bat%2Dman"),
            headers: &none,
        };
        assert_eq!(base(&long, "@method"), "\"@method\": POST");
        assert_eq!(base(&long, "@authority"), "\"@authority\": www.example.com");
        assert_eq!(base(&long, "@scheme"), "\"@scheme\": https");
        assert_eq!(base(&long, "@query"), "\"@query\": ?param=value&foo=bar&baz=bat%2Dman");
        assert_eq!(
            base(&long, "@target-uri"),
            "\"@target-uri\": https://www.example.com/path?param=value&foo=bar&baz=bat%2Dman"
        );
        assert_eq!(base(&long, "@request-target"), "\"@request-target\": /path?param=value&foo=bar&baz=bat%2Dman");
        let short = Request { scheme: "http", authority: "[::1]:8080", path: "", query: None, ..long };
        assert_eq!(base(&short, "@authority"), "\"@authority\": [::1]:8080");
        assert_eq!(base(&short, "@path"), "\"@path\": /");
        assert_eq!(base(&short, "@query"), "\"@query\": ?");
        assert_eq!(base(&Request { query: Some(""), ..short }, "@query"), "\"@query\": ?");
        assert_eq!(
            base(&Request { authority: "a.example:443", ..short }, "@authority"),
            "\"@authority\": a.example:443"
        );
    }

    #[test]
    fn several_lines_of_a_header_are_trimmed_and_joined() {
        let lines = |name: &str| match name {
            "x-lines" => vec![&b"  one"[..], b"two\t", b""],
            _ => Vec::new(),
        };
        let input = list("(\"x-lines\");created=1");
        let base = components::signature_base(&test_request(&lines), &["x-lines"], &input).unwrap();
        assert!(base.starts_with("\"x-lines\": one, two, \n"), "{base}");
    }
}

//! HTTP Message Signatures (RFC 9421) with `hmac-sha256`, and `Content-Digest` (RFC 9530).
//!
//! ```text
//! Content-Digest: sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:
//! Signature-Input: sig=("@method" "@authority" "@path" "content-digest" "content-type");created=1750000000;keyid="…";nonce="…"
//! Signature: sig=:K2qGT5srn2OGbOIDzQ6kYT+ruaycnDAAUpKv+ePFfD0=:
//! ```
//!
//! **Must be covered**: `@method`; where the request goes (`@target-uri`, or `@authority` with `@path` or
//! `@request-target`); `@query` if there is a query and neither `@target-uri` nor `@request-target` has it;
//! `content-digest` if there is a body; each of [`MEANINGFUL_HEADERS`](crate::MEANINGFUL_HEADERS) that the request has.
//! Other headers may be covered.
//!
//! **Parameters**: `created`, `keyid` and `nonce` (16 to 128 characters) must be there, `expires` is honoured, `alg`
//! must be `hmac-sha256` if it is there. Components have no parameters here: `sf`, `key`, `bs`, `req`, `tr` and
//! `@query-param` are refused, as none of them covers more than the plain component does.
//!
//! **Which signature**, when a request has several: one with `tag="orfeas"` if there is one, else the first without a
//! tag. Signatures with other tags are somebody else's and are not looked at.

mod components;
mod digest;
mod input;
mod sign;

pub(crate) use digest::ContentDigest;
pub use sign::sign;

use crate::presented::{BodyBinding, Proof};
use crate::{Key, Malformed, Presented, Request, Scheme};

/// What is covered, and the parameters.
pub const SIGNATURE_INPUT: &str = "signature-input";
/// The signatures' bytes.
pub const SIGNATURE: &str = "signature";
/// The digest of the body.
pub const CONTENT_DIGEST: &str = "content-digest";
/// The tag that chooses one of several signatures.
pub const TAG: &str = "orfeas";

/// The longest `Signature-Input`, `Signature` or `Content-Digest`, in bytes.
const MOST_FIELD: usize = 8 * 1024;

/// Reads `Signature-Input` and `Signature`. `None`: neither is there, or none of the signatures is for us.
pub(crate) fn parse(request: &Request<'_>) -> Result<Option<Presented>, Malformed> {
    let input = request.combined(SIGNATURE_INPUT, MOST_FIELD)?;
    let signature = request.combined(SIGNATURE, MOST_FIELD)?;
    let (input, signature) = match (input, signature) {
        (None, None) => return Ok(None),
        (Some(input), Some(signature)) => (input, signature),
        (None, Some(_)) => return Err(Malformed::MissingHeader { name: SIGNATURE_INPUT }),
        (Some(_), None) => return Err(Malformed::MissingHeader { name: SIGNATURE }),
    };
    let Some(chosen) = input::choose(&input, &signature)? else { return Ok(None) };
    let parameters = input::parameters(&chosen.input)?;
    let covered = components::names(&chosen.input)?;
    components::require(request, &covered)?;
    let body = match covered.contains(&CONTENT_DIGEST) {
        true => BodyBinding::Digest(ContentDigest::parse(request)?),
        false => BodyBinding::MustBeEmpty,
    };
    let message = components::signature_base(request, &covered, &chosen.input)?.into_bytes();
    Ok(Some(Presented {
        scheme: Scheme::Http,
        key: Key::Id(parameters.key_id),
        nonce: parameters.nonce,
        created: parameters.created,
        expires: parameters.expires,
        proof: Proof { message, mac: chosen.mac, body },
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
        input::choose(&format!("sig={input}"), signature).unwrap().unwrap().input
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
    fn the_digest_of_the_test_request_is_its_bodys() {
        let digest = ContentDigest::parse(&test_request(&values)).unwrap();
        let mut hasher = crate::BodyHasher::with_sha512();
        hasher.update(br#"{"hello": "world"}"#);
        assert!(digest.matches(&hasher.finish()));
        assert!(!digest.matches(&crate::BodyDigest::of(br#"{"hello": "world"}"#)), "the SHA-512 is not known");
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

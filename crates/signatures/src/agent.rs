//! The agent scheme: HMAC-SHA256 over a canonical string.
//!
//! | header | value |
//! | --- | --- |
//! | `X-Agent-API-Key` | the API key |
//! | `X-Agent-Timestamp` | the current time, in whole seconds since 1970 (UTC) |
//! | `X-Agent-Nonce` | 16 to 64 random letters, digits, `-` and `_`; unique per request |
//! | `X-Agent-Content-SHA256` | SHA-256 of the body in lower-case hexadecimal: the last line of the canonical string |
//! | `X-Agent-Signature` | HMAC-SHA256 of the canonical string, keyed with the text of the signing secret, in lower-case hexadecimal |
//!
//! The canonical string consists of these lines, joined by a line feed (`\n`), without a trailing one:
//!
//! ```text
//! ORFEAS-HMAC-SHA256
//! <X-Agent-API-Key>
//! <method>
//! <path, and the query with its "?" if there is one, as sent>
//! <X-Agent-Timestamp>
//! <X-Agent-Nonce>
//! <name>:<value>          for each of these headers that the request has, in this order:
//!                         cache-control, content-encoding, content-type, idempotency-key, x-test-scenario
//! <SHA-256 of the body, in lower-case hexadecimal; of the empty string if there is no body>
//! ```
//!
//! `X-Agent-Content-SHA256` is optional. With it the server verifies the signature before it reads the body, and then
//! compares the body with the header. Without it the body has to be read from a sender that is not authenticated yet,
//! so servers read such bodies under tighter limits.
//!
//! The encoding is unambiguous: no part can contain a line feed, the first six lines are always present, header lines
//! contain a colon, and the last line does not. The host is not covered, because a proxy may rewrite it;
//! [`crate::http`] covers it.

use crate::presented::{BodyBinding, Proof, hex, is_nonce, mac};
use crate::request::COVERED_HEADERS;
use crate::{BodyDigest, Key, Malformed, Presented, Request, Scheme, Signer};

/// First line of the canonical string.
pub const VERSION: &str = "ORFEAS-HMAC-SHA256";
/// The API key.
pub const API_KEY: &str = "x-agent-api-key";
/// Time of signing.
pub const TIMESTAMP: &str = "x-agent-timestamp";
/// Nonce, unique per request.
pub const NONCE: &str = "x-agent-nonce";
/// SHA-256 of the body. Optional.
pub const CONTENT_SHA256: &str = "x-agent-content-sha256";
/// The signature.
pub const SIGNATURE: &str = "x-agent-signature";

/// Parses the headers of the scheme; `None` if the request has none of them.
pub(crate) fn parse(request: &Request<'_>) -> Result<Option<Presented>, Malformed> {
    let headers = [API_KEY, TIMESTAMP, NONCE, CONTENT_SHA256, SIGNATURE];
    if headers.iter().all(|name| (request.headers)(name).is_empty()) {
        return Ok(None);
    }
    let required = |name| request.single(name)?.ok_or(Malformed::MissingHeader { name });
    let (key, timestamp, nonce) = (required(API_KEY)?, required(TIMESTAMP)?, required(NONCE)?);
    let mac = unhex(required(SIGNATURE)?).ok_or(Malformed::AgentSignature)?;
    let created = seconds(timestamp).ok_or(Malformed::Timestamp)?;
    let mut proof = Proof { mac, ..head(request, key, timestamp, nonce)? };
    if let Some(stated) = request.single(CONTENT_SHA256)? {
        proof.body = BodyBinding::Stated(unhex(stated).ok_or(Malformed::ContentSha256)?);
        proof.message.extend(stated.bytes());
    }
    Ok(Some(Presented {
        scheme: Scheme::Agent,
        key: Key::ApiKey(key.to_owned()),
        nonce: nonce.to_owned(),
        created,
        expires: None,
        proof,
    }))
}

/// Signs a request and returns the headers to add. `request` must already have its [`COVERED_HEADERS`].
///
/// # Errors
///
/// [`Malformed`] if a server would refuse the request.
pub fn sign(
    request: &Request<'_>,
    signer: &Signer<'_>,
    body: &BodyDigest,
) -> Result<Vec<(&'static str, String)>, Malformed> {
    let timestamp = signer.created.to_string();
    seconds(&timestamp).ok_or(Malformed::Timestamp)?;
    let mut message = head(request, signer.key, &timestamp, signer.nonce)?.message;
    let sha256 = hex(&body.sha256);
    message.extend(sha256.bytes());
    Ok(vec![
        (API_KEY, signer.key.to_owned()),
        (TIMESTAMP, timestamp),
        (NONCE, signer.nonce.to_owned()),
        (CONTENT_SHA256, sha256),
        (SIGNATURE, hex(mac(signer.secret, &message).as_ref())),
    ])
}

/// The canonical string without its last line.
fn head(request: &Request<'_>, key: &str, timestamp: &str, nonce: &str) -> Result<Proof, Malformed> {
    request.check()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if key.is_empty() || key.len() > 128 || !key.bytes().all(allowed) {
        return Err(Malformed::ApiKey);
    }
    if !is_nonce(nonce, 64, b"-_") {
        return Err(Malformed::AgentNonce);
    }
    let mut text = format!("{VERSION}\n{key}\n{}\n{}\n{timestamp}\n{nonce}\n", request.method, request.target());
    for name in COVERED_HEADERS {
        if let Some(value) = request.single(name)? {
            text.extend([name, ":", value, "\n"]);
        }
    }
    Ok(Proof::unsigned(text.into_bytes(), BodyBinding::Appended))
}

/// Whole seconds in canonical decimal form: leading zeros and signs are refused.
fn seconds(text: &str) -> Option<u64> {
    let digits = text.len() <= 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !text.starts_with('0')).then(|| text.parse().ok()).flatten()
}

/// Decodes 64 lower-case hexadecimal digits.
fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &str) -> Vec<&'static [u8]> {
        match name {
            "content-type" => vec![b" application/json "],
            "idempotency-key" => vec![b"mug-17"],
            _ => Vec::new(),
        }
    }

    const REQUEST: Request<'_> = Request {
        method: "POST",
        scheme: "https",
        authority: "orfeas.example",
        path: "/api/agent/generate-3d",
        query: Some("dry=1"),
        headers: &headers,
    };

    /// Pinned: clients in other languages depend on every byte.
    #[test]
    fn the_canonical_string_is_stable() {
        let head = head(&REQUEST, "orf_test_key", "1750000000", "0123456789abcdef").unwrap();
        assert_eq!(
            String::from_utf8(head.message).unwrap(),
            "ORFEAS-HMAC-SHA256\norf_test_key\nPOST\n/api/agent/generate-3d?dry=1\n1750000000\n0123456789abcdef\n\
             content-type:application/json\nidempotency-key:mug-17\n"
        );
        let signer =
            Signer { key: "orf_test_key", secret: b"secret", created: 1_750_000_000, nonce: "0123456789abcdef" };
        let signed = sign(&REQUEST, &signer, &BodyDigest::of(b"{}")).unwrap();
        let signature = "02aa3837961e7e59b031249382fe650753fd02385b6571f4f00d654fe3f4f6f0";
        assert_eq!(signed[4], (SIGNATURE, signature.to_owned()));
    }

    #[test]
    fn timestamps_have_one_form() {
        assert_eq!(seconds("1750000000"), Some(1_750_000_000));
        for text in ["", "0", "01", "+1", "-1", "1.5", "1e3", "1 ", "1750000000000", "１"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn hexadecimal_has_one_form() {
        let bytes = [0x0f; 32];
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        for text in [hex(&bytes).to_uppercase(), hex(&bytes[1..]), "g".repeat(64), "é".repeat(32)] {
            assert_eq!(unhex(&text), None, "{text}");
        }
    }
}
